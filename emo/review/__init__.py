"""Review the answers of a batch: choose clips, keep people's labels, and count agreement.

``clips`` reads the rows, ``choice`` draws the clips, ``labels`` has the file of the labels,
``agreement`` and ``estimates`` the statistics, and ``results`` what a review gives.
"""
