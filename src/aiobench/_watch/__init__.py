"""Waiting for jobs: when to ask, what to ask for, and what of a reply is news.

How a request is sent does not belong here, nor what users hold: jobs come in as objects with an id (`jobs.Job`), and
news go out (`news`), which `aiobench.events` turns into the events that users see.

Each state has one owner:

| module | owns |
|---|---|
| `scheduler` | the loop: jobs that were added, requests in flight, sleeping |
| `agenda` | what is asked for next: places in the queue, groups and their members, ends that want their document |
| `timing` | the arithmetic of a policy, and the order of due times |
| `polls` | one request: sending it and taking in the reply; the counts of requests |
| `states` | the last state of each job, and what of a new one is news |
| `news` | news on their way to the consumer |
| `jobs`, `unchanged` | what is kept of one job, of one benchmark, and of the last reply to a poll |
| `log` | which of many like records are written |
| `watcher` | the watch of a single job |
"""
