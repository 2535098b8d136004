"""The wire format, without I/O: routes, statuses, documents and their decoding.

Pure functions and plain values belong here; nothing that opens a socket, reads a clock or knows a client.
"""
