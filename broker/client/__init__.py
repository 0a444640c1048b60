"""Door to a running broker for programs: a typed HTTP client. No rules, and no import from the server."""

from broker.client.broker_client import BrokerClient

__all__ = ["BrokerClient"]
