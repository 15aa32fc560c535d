"""Three replicas on a real Redis and PostgreSQL behind haproxy, callers at a steady rate, and something that goes wrong meanwhile.

`python -m tests.chaos [FAULT...] [--short] [--rounds N] [--control | --both] [--rate N]` prints a row a fault; it ends with 1 where
anything was lost, doubled, refused or silent too long, and with `--control` where nothing was. `--both` is the whole table: every
fault, and the control of each in its short form. Below a row stands what was wrong and, where callers heard nothing for a second or
more, how the longest of these silences came about.

A fault is a module beside this one with a `FAULT = Fault(...)` (`fault.py` says what belongs into it), named in `registry.FAULTS`:

- `inflict(cluster, size)` is awaited while callers come and go; it breaks something, mends it again, and returns. `size` is how
  often, or for how many seconds. Callers come for a few seconds before and after it.
- `flaw` names how the replicas are broken in the control run, a word of `flawed.FLAWS`; the test must then find losses.
- `raised` makes the cluster. `cluster.raised` is three replicas on one machine; give it another `redis` (a context manager that
  yields something with a `url`), or other `places` (an address, and a command such as `ip netns exec NAME` that each replica
  runs under), or write one of your own that yields a `Cluster`.
"""
