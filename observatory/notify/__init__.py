"""Alerts: what is due to each channel of alerts.yaml, in what words, delivered at least once.

plan                                which alerts are due to a channel, together with which, and which never
message, operator_notices, payload  the words for people, the JSON for programs
senders, apprise_services, webhook  how one message gets to one channel
errors, library_logs                why one was not taken; keeping tokens out of every log
deliver                             claim, send, mark: all that is due to all channels
silent_vantages                     which vantage points fell silent
channel_file, delivery_pass         the file as last read without a mistake; the pass of each minute
"""
