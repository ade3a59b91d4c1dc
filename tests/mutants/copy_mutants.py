"""Mistakes of copying: what a leader and his followers could do to each other."""

from __future__ import annotations

from tests.mutants.mutants import Edit, Mutant

COPY_MUTANTS = (
    Mutant(
        "copies in a circle",
        (
            Edit(
                "bot/execution/copy_decisions.py",
                "        if followers.who.closes_a_cycle(rule.user_id, rule.leader_user_id):\n",
                "        if rule.user_id == rule.leader_user_id:\n",
            ),
        ),
    ),
)
