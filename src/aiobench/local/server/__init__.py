"""The HTTP API of the platform, served on this machine."""
