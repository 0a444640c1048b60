"""Commands that both signed logs have: to export the head, and to restore or attest what was lost."""

import typer

from broker.cli.command_options import AsJson, Document
from broker.cli.commands.job_commands import broker_client
from broker.cli.output.chain_documents import print_head, print_request_state, read_document
from broker.domain.signed_log import LogName


def add_log_commands(app: typer.Typer, log: LogName, restoring: str) -> None:
    """Add the commands for one log. `restoring`: what `restore` does."""

    @app.command(help=f"Export the {log.label}'s signed head, to store elsewhere (administrators). It has no figures.")
    def head(as_json: AsJson = False) -> int:
        return print_head(broker_client().signed_head(log), as_json)

    @app.command(help=f"After a restored back-up: {restoring}, once two administrators request the same.")
    def restore(file: Document, as_json: AsJson = False) -> int:
        return print_request_state(broker_client().restore_log(log, read_document(file)), as_json)

    @app.command()
    def attest(file: Document, as_json: AsJson = False) -> int:
        """Where the signed head itself was lost: accept an exported one, once two administrators request the same."""
        return print_request_state(broker_client().attest_head(log, read_document(file)), as_json)
