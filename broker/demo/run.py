"""`broker demo`: a broker from nothing, its story, and the page that stays up until it is ended."""

import os
import time
from contextlib import ExitStack
from pathlib import Path

from broker.client import BrokerClient
from broker.demo.alone import alone, deaf, ended_by_signals
from broker.demo.people import PEOPLE, sign_ins
from broker.demo.prepare import prepare
from broker.demo.processes import environment, free_port, running
from broker.demo.stages import console, stage
from broker.demo.story import tell
from broker.domain.ports import Ports
from broker.settings import Settings, read_settings
from broker.wiring.running import engine_answers
from broker.workflow.administer import make_token

DATA = Path("data/demo")
"""Where the demo's broker lives, unless BROKER_DATA says otherwise."""

WHO = ("demo-dashboard", "demo-researcher", "demo-checker-1")


def run_demo(*, once: bool, pupils: int) -> int:
    """0 when three jobs were released and the fourth was refused."""
    began = time.monotonic()
    runtime = os.environ.get("BROKER_RUNTIME") or ("auto" if engine_answers() else "bubblewrap")
    data = Path(os.environ.get("BROKER_DATA", DATA))
    settings = read_settings(data=data, synthetic_only=True, demo_sign_in=True, runtime=runtime)
    with ended_by_signals(), alone(settings.root) as claim, ExitStack() as stack:
        ports = prepare(settings, pupils)
        env = environment(settings.root, free_port(settings.port), runtime)
        with stage("web and worker"):
            address = stack.enter_context(running(env, settings.root / "logs", claim))
        stack.callback(deaf)
        tell(*(BrokerClient(address, token_for(ports, ident)) for ident in WHO))
        console.print(f"\nfrom nothing to three releases in {time.monotonic() - began:.0f} s", style="bold")
        if not once:
            _farewell(address, settings)
            console.print("Ctrl-C ends it.")
            _until_stopped()
    if once:
        console.print("\nIts web server and worker have ended. `make demo` starts them again, with these sign-ins:")
        _sign_ins(settings)
    return 0


def token_for(ports: Ports, ident: str) -> str:
    return make_token(ports, ports.store.person(ident), ident)


def _farewell(address: str, settings: Settings) -> None:
    console.print(f"\npage: {address}   register: {address}/register")
    _sign_ins(settings)
    console.print("at a terminal, as one of them:")
    token = f"BROKER_DATA={settings.data} .venv/bin/broker token demo-researcher"
    console.print(f"    export BROKER_URL={address} BROKER_TOKEN=$({token})", markup=False)


def _sign_ins(settings: Settings) -> None:
    passwords = sign_ins(settings.root)
    for ident, _, role in PEOPLE:
        console.print(f"    {role.value:14} {ident:18} {passwords[ident]}", markup=False)


def _until_stopped() -> None:
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        return
