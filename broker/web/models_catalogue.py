"""The shapes of the API for projects and the catalogue. No behaviour."""

from typing import Annotated

from pydantic import Field

from broker.web.models import Given, Shown, Text, WordList, YearList


class CatalogueQuery(Given):
    q: Annotated[Text, Field(max_length=200)] = ""
    limit: int = Field(200, ge=1, le=1000)


class GrantShown(Shown):
    table: str
    variable: str
    years: YearList
    justification: str
    link_key: bool
    group_quasi: bool


class ProjectShown(Shown):
    ident: str
    title: str
    organisation: str
    purpose: str
    expires: str
    mode: str
    profile: str
    votes: int
    dialect: str
    researchers: WordList
    grants: list[GrantShown]


class ProjectsShown(Shown):
    projects: list[ProjectShown]


class GrantedShown(Shown):
    project: str
    years: YearList


class EntryShown(Shown):
    table: str
    variable: str
    type: str
    cls: str
    description: str
    years: YearList
    granted: list[GrantedShown]


class CatalogueShown(Shown):
    variables: list[EntryShown]
