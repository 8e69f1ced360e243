"""Telling people: channels of `alerts.yaml`, what they are told, and that they are told it at least once.

channels ─ channel_forms     alerts.yaml, whole or every mistake at once
plan                         what is due to a channel, and what never will be
message, operators, facts    what is said, to people and to programs
services, webhook, senders   how it gets there
deliver                      one pass: claim, send, mark
silence, tell                who fell silent; the call of each minute
"""
