"""Judged against software that nobody here wrote: resolvers, web servers, proxies of Debian inside the lab.

How a test is made (examples: `test_unbound_in_lab.py`, `test_socks_in_lab.py`):

1. The module-scoped fixture `servers` (conftest.py) starts programs inside namespaces of the lab and ends
   them. `servers.start(namespace, [program, …], ready=r"a line that says so")` returns when the program has
   said that its port is open (or, with `ready=("10.3.1.2", 1080)`, when that port accepts; for programs
   that say nothing). Programs stay in the foreground and write to standard error: their last lines are in
   the message when one ends. They must not change user: under a user namespace there is only one.
   `servers.file(name, text)` is a settings file, `servers.folder` where they lie,
   `servers.certificate(name, …)` key and chain in one PEM file, of an authority that `servers.config`
   trusts beside the lab's own.
2. Where a program stands:
   - a resolver of a network: an address of its own at the border, `servers.address("xl-border",
     "10.3.53.54")`, named by a vantage point: `vantage_point(servers.config, "xl", "unbound",
     resolver="10.3.53.54")`; it finds the truth at `world.PUBLIC_RESOLVER`;
   - a filter's answer server, or a proxy in the way: `servers.divert("xl-border", "-d ADDRESS -p tcp
     --dport 80", 8080)` brings what customers send there to port 8080 of the border; what the border itself
     sends goes on, so a proxy there reaches the real server by its own address;
   - the origin, for everybody: the same at namespace `telegram`;
   - a SOCKS server of a network: `here = servers.link("xl")` is the address of the customer's machine as
     seen from the test, and `vantage_point(…, via=Via(kind="socks5", value=f"{here}:1080"))`.
   Nothing of the lab's own is switched on at that network meanwhile: its rules are replaced as a whole.
3. `measure(servers.config, [vantage points], [targets])` (rounds.py) is a real round, with the lab's
   control; `verdicts(…)` of it are states and mechanisms. Vantage points of one file share one round: they
   run side by side, several may stand at one network.

A program that is not installed skips the test; where `INDEPENDENT_SOFTWARE=required` (in CI), it fails.
"""
