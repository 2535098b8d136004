"""Network input and output.

What belongs here: connections, requests, replies, the one retry rule. What does not: what a document means (`_wire`),
files (`_download`), when to poll again (`_watch`), and anything users hold.
"""
