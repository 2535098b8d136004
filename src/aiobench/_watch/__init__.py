"""Waiting for jobs: when to ask, whom to ask about, what to tell.

Schedules, the watch of one job, the scheduler of many, events and the journal belong here. How a request is sent
does not, and neither does what users hold.
"""
