"""Where a sweep's lanes run beside one process: on the Postgres of the ledger, by as many workers as there are.

`share.py` is a lane in this process, `whole.py` what is done once, `dispatch.py` what is to be done, `queue.py` who does it, and
`worker.py` one of them. Only `queue.py` and `worker.py` know the queue's library, which takes a quarter of a second to import.
"""
