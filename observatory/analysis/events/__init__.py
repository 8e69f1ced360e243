"""From hourly counts to events: onsets and ends, and what may be published about them. Pure.

tallies                           cells added up to series: k blocked of n judged, hour by hour
sequential                        the test: how likely it is, after each hour, that a series is blocked
spells                            one block of one target in one network, from onset to end
borders, daily_windows, methods,  what is said of a spell: when it began and ended, at which times of day,
silences                          how it was done, where nothing was measured
incidents                         many spells, one event
news                              what is new in an event since the last alert about it
publication                       what may be published, where
"""
