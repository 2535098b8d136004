"""The journal of a monitor: which jobs it watches, which ends were handled, and which starts are under way.

| module | owns |
|---|---|
| `journal` | the records, in SQLite |
| `exclusive_file` | the file: its lock, its identity, its survival of a power cut |
| `recorder` | the thread that writes, and the jobs that wait for it |
| `notes` | the notes of jobs, with a journal or without |
"""
