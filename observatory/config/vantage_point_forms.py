"""The form of vantage_points.yaml: its keys, their defaults, and what is expected of each.

`Field(description=...)` is the one place that says what is expected; messages take it from here.
"""

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from observatory.config.checks import (
    check_address,
    check_asn,
    check_country,
    check_host_name,
    check_id,
    check_list,
    check_resolver,
    check_timezone,
    check_truth,
    parse_every,
    parse_role,
    text_check,
)
from observatory.config.machine_checks import load_ca_path, parse_via
from observatory.model import Role, Via
from observatory.vantage.kinds import describe_choices

_Text = Annotated[str, PlainValidator(text_check(100))]
_FORM: Final = ConfigDict(extra="forbid", strict=True, frozen=True)


class FileForm(BaseModel):
    """The top of the file: settings, and the list whose entries have a form of their own."""

    model_config = _FORM

    public_resolver: Annotated[str, PlainValidator(check_address)] = Field(
        "8.8.8.8", description="an IP address"
    )
    no_dns_address: Annotated[str, PlainValidator(check_address)] = Field(
        "149.154.167.99", description="an IP address"
    )
    ca_file: Annotated[str | None, PlainValidator(load_ca_path)] = Field(
        None, description="the path of a PEM file, absolute or from this file's folder"
    )
    canary_host: Annotated[str, PlainValidator(check_host_name)] = Field(
        "example.com", description="a host name"
    )
    vantage_points: Annotated[list[object], PlainValidator(check_list)] = Field(
        description="a list of vantage points"
    )


class VantagePointForm(BaseModel):
    """One entry of `vantage_points`."""

    model_config = _FORM

    id: Annotated[str, PlainValidator(check_id)] = Field(
        description="1..40 lower-case letters, digits and hyphens"
    )
    name: Annotated[str, PlainValidator(text_check(100, min_chars=1))] = Field(
        description="text, 1..100 characters"
    )
    isp: Annotated[str, PlainValidator(text_check(100, min_chars=1))] = Field(
        description="text, 1..100 characters"
    )
    asn: Annotated[int, PlainValidator(check_asn)] = Field(description="1..4294967295")
    country: Annotated[str, PlainValidator(check_country)] = Field(
        description="two capital letters of ISO 3166-1 (ZZ: not stated)"
    )
    city: _Text = Field("", description="text, at most 100 characters")
    timezone: Annotated[str, PlainValidator(check_timezone)] = Field(
        "UTC", description="a name of the time zone database, for example Asia/Jakarta"
    )
    via: Annotated[Via, PlainValidator(parse_via)] = Field(Via(), description=describe_choices())
    resolver: Annotated[str, PlainValidator(check_resolver)] = Field(
        "system", description="system or an IP address"
    )
    every: Annotated[float, PlainValidator(parse_every)] = Field(
        600.0, description="30s..24h, with its unit (30s, 10m, 1h)"
    )
    role: Annotated[Role, BeforeValidator(parse_role)] = Field(Role.PROBE, description="probe or control")
    enabled: Annotated[bool, BeforeValidator(check_truth)] = Field(True, description="true or false")
    contact: Annotated[str, PlainValidator(text_check(200))] = Field(
        "", description="text, at most 200 characters"
    )


def expected_of(form: type[BaseModel], key: object) -> str:
    """Return what is expected of a key of a form; for an unknown key, the keys there are."""
    field: Any = form.model_fields.get(str(key))
    return field.description if field else f"one of the keys {', '.join(form.model_fields)}"
