"""What each machine did on its way to boot, and where it stopped: a reader of events.

`steps` has the facts of one machine, `diagnosis` says why it stopped, `reader` keeps
the machines, `packets` the last datagrams of each; all of them bounded.
"""
