"""What aiobench costs, measured beside what people use instead: `python -m benchmarks [NAME …]`.

Each module named after what it measures holds a `run(bench)`; the harness (`processes`, `contender`, `rounds`) and the
load server (`server`, `scene`) know none of them. Clients and server are processes of their own, pinned to different
cores; contenders take their rounds in turn, so that a busy machine is as unkind to one as to the other.
"""
