"""Compares a container, as the engine reports it, with what was requested, before it starts. Pure; trusts no default.

There are two kinds of checks: what was requested must be there, and what was not requested must be absent, whatever a
newer engine adds.
"""

import json
from collections.abc import Mapping
from typing import Any

from broker.sandbox.container_spec import ContainerSpec, settings

ABSENT_SETTINGS = (
    "Binds", "VolumesFrom", "Devices", "DeviceCgroupRules", "DeviceRequests", "CapAdd", "GroupAdd", "Links",
    "ExtraHosts", "Dns", "DnsOptions", "DnsSearch", "PortBindings", "Sysctls", "StorageOpt", "CgroupParent",
    "PublishAllPorts", "Privileged", "PidMode", "UTSMode", "UsernsMode", "OomScoreAdj", "ContainerIDFile",
)  # fmt: skip
"""Host settings that must be empty."""


def differences(inspect: Mapping[str, Any], spec: ContainerSpec) -> list[str]:
    """The differences, each as a sentence for an administrator; empty if the container is as requested."""
    wanted = settings(spec)
    host = inspect.get("HostConfig") or {}
    found = _compare("HostConfig", wanted.pop("HostConfig"), host)
    found += _compare("Config", _config_settings(wanted), inspect.get("Config") or {})
    found += [f"HostConfig.{key} is {host[key]!r} and must be empty." for key in ABSENT_SETTINGS if host.get(key)]
    found += _mounts(inspect, spec)
    # By digest, so that a tag that was moved does not matter.
    if inspect.get("Image") != spec.template.image:
        found.append(f"The image is {inspect.get('Image')!r}, not {spec.template.image!r}.")
    if str(inspect.get("Name", "")).lstrip("/") != spec.name:
        found.append(f"The name is {inspect.get('Name')!r}, not {spec.name!r}.")
    if (inspect.get("AppArmorProfile") or "") != spec.apparmor:
        found.append(f"The AppArmor profile is {inspect.get('AppArmorProfile')!r}, not {spec.apparmor!r}.")
    return found


def _config_settings(wanted: dict[str, Any]) -> dict[str, Any]:
    """The settings that inspect repeats under Config. It stores `NetworkDisabled` only if the engine has networks of
    its own."""
    return {key: value for key, value in wanted.items() if key != "NetworkDisabled"}


def _compare(where: str, wanted: Mapping[str, Any], seen: Mapping[str, Any]) -> list[str]:
    return [
        f"{where}.{key} is {seen.get(key)!r}, not {value!r}."
        for key, value in wanted.items()
        if _normalised(key, seen.get(key)) != _normalised(key, value)
    ]


def _normalised(key: str, value: Any) -> Any:
    """One form for values that engines spell in several ways: unordered lists, null for empty, JSON text."""
    if key == "SecurityOpt":
        return sorted(_security_option(option) for option in value or [])
    if key in ("Ulimits", "Env", "CapDrop", "MaskedPaths", "ReadonlyPaths"):
        return sorted(json.dumps(item, sort_keys=True) for item in value or [])
    if value is None or value in ({}, [], ""):
        return None
    return value if value is not False else None  # false and absent are the same


def _security_option(option: str) -> str:
    name, _, value = option.partition("=")
    if name == "seccomp" and value.startswith("{"):
        return "seccomp=" + json.dumps(json.loads(value), sort_keys=True)
    return "no-new-privileges" if option in ("no-new-privileges:true", "no-new-privileges=true") else option


def _mounts(inspect: Mapping[str, Any], spec: ContainerSpec) -> list[str]:
    """There must be exactly one mount: the data, read-only. (tmpfs are not listed among mounts.)"""
    seen = [
        (mount.get("Type"), mount.get("Source"), mount.get("Destination"), mount.get("RW"), mount.get("Propagation"))
        for mount in inspect.get("Mounts") or []
    ]
    wanted = [("bind", spec.template.mount, "/data", False, "rprivate")]
    return [] if seen == wanted else [f"The mounts are {seen!r}, not {wanted!r}."]
