"""Door to a running broker for programs: a typed HTTP client. No rules, and nothing of the server is imported."""

from broker.client.broker_client import BrokerClient

__all__ = ["BrokerClient"]
