"""All network input and output; the only package that knows httpx.

What belongs here: connections, requests, replies, retries, downloads. What does not: what a document means, when to
poll again, and anything users hold.
"""
