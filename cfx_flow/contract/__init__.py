"""What a plan promises, as a machine reads it, and how a patch is held to it. Pure functions over text.

``read_contract(plan)`` gives a ``Contract``; ``breaches(contract, changes, policy, …)`` what the patch
does beyond it, or against the operator's policy.
"""
