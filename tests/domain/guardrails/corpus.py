"""The corpus: commands, the verdict that each should get, and why in few words.

A row is (command, verdict, reason). To add one, add a line to the table of its category.
`allow` covers what is only noted (`log`) as well.
"""

from __future__ import annotations

from tests.domain.guardrails.corpus_data import DATABASES, SECRETS
from tests.domain.guardrails.corpus_elsewhere import DEPLOYMENTS, NETWORK
from tests.domain.guardrails.corpus_files import FILES
from tests.domain.guardrails.corpus_git import GIT
from tests.domain.guardrails.corpus_harmless import HARMLESS
from tests.domain.guardrails.corpus_hidden import HIDDEN

Row = tuple[str, str, str]

OWN: tuple[Row, ...] = (
    *GIT,
    *FILES,
    *HIDDEN,
    *HARMLESS,
    *DATABASES,
    *SECRETS,
    *DEPLOYMENTS,
    *NETWORK,
)
