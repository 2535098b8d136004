"""Downloads a job's results to a file or a frame.

What belongs here: which result URLs are followed, requests for files, resuming, files that appear whole. What does not:
requests to the platform (`_http`), and what a CSV holds (`_results`).
"""
