"""A private text of either kind: a query over bounded sums, or a script over blocks of persons. What both have:
`charge`, `bundle`, `bounds`, `datasets`, `promise`, `profile`, `raised`, `is_automatic`."""

from broker.workflow.private.asking import PrivateJob
from broker.workflow.private.by_blocks.asking import PrivateScript

PrivateText = PrivateJob | PrivateScript
