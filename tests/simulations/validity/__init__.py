"""Does every promise of a test, an interval or a verdict hold? A table of simulations.

A *family* is a module of `validity/families`: it draws data sets of one kind and declares *cases*.
A case is a function from a random generator to what happened on one data set ("the gate passed":
True), and the *promises* that are made about it ("PASS in at most 5.5%"). To add to the suite, add
such a file: everything in the folder is found, measured, judged and written into the table.

::

    FAMILY = Family(
        "Coins",
        "A fair coin.",
        (Case("fair", toss, (Promise("coin", "heads", 0.49, 0.51),)),),
    )

See `validity.promises` for what a promise is and when it is called broken.
"""
