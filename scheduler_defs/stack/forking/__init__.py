"""The stack's Python processes are forked from one that has imported everything: they share its memory.

    the supervisor       asks over a socket for a process with this command line, environment and log
      the parent         one thread, no connections; it forks, and has nothing more to do with what it forked
      a component        a child of the supervisor, as one that the supervisor has started itself

The workers are forked from a second one, which is forked itself and has loaded the definitions: what people's
code does when it is imported is no business of the others. A component is forked twice, with a process in
between that ends at once, so that the supervisor inherits it: the supervisor is told of its end and how it
ended, and its death is the component's. The death of a parent harms nobody: until there is another one, what
is started has a Python of its own.
"""
