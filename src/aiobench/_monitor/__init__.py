"""What a monitor has beside its polls: jobs that come in, jobs that it starts, its tasks, and the view of its jobs.

| module | owns |
|---|---|
| `intake` | jobs on their way in, with their notes, and the journal (`_journal`) if there is one |
| `starts` | jobs that the monitor starts itself, so that a crash neither loses nor repeats one |
| `background` | the tasks of an entered monitor |
| `live` | the view of the jobs that are watched |
"""
