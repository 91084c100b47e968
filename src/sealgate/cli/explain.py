"""``sealgate explain``: why a rule is there, its clause, and how to mend what it finds."""

from __future__ import annotations

import difflib
import shutil

import click

from sealgate.errors import UsageError
from sealgate.inspection.model import BodyRefusal


@click.command("explain")
@click.argument("rule_id", metavar="[RULE]", required=False)
def command(rule_id: str | None) -> None:
    """Tell why RULE is there, its clause, and how to mend it; without RULE, list all."""
    from sealgate.policy.rules import RULES, find_rule
    from sealgate.report.rules import render_held_back, render_rule, render_rules

    if rule_id is None:
        click.echo(render_rules(), nl=False)
        return
    rule = find_rule(rule_id)
    if rule is None:
        if rule_id in set(BodyRefusal):
            click.echo(render_held_back(BodyRefusal(rule_id)), nl=False)
            return
        known = [*(rule.id for rule in RULES), *BodyRefusal]
        close = difflib.get_close_matches(rule_id, known, n=1)
        message = f'rule "{rule_id}" does not exist'
        raise UsageError(
            message, hint=f"sealgate explain {close[0]}" if close else "sealgate explain"
        )
    click.echo(
        render_rule(rule, console_width=min(shutil.get_terminal_size().columns, 100)), nl=False
    )
