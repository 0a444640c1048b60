"""What researchers ask a broker for: variables, checks, jobs, what was released, what their projects keep."""

from typing import Any, cast

from broker.client.answers import JobAnswer, SavedAnswer
from broker.client.calls import API, Calls, part
from broker.domain.jobs import Submission


class ForResearchers(Calls):
    """Calls of researchers."""

    def me(self) -> dict[str, Any]:
        return self._json("GET", f"{API}/me")

    def projects(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self._json("GET", f"{API}/projects")["projects"])

    def catalogue(self, words: str = "", limit: int = 200) -> list[dict[str, Any]]:
        found = self._json("GET", f"{API}/catalogue", params={"q": words, "limit": limit})
        return cast(list[dict[str, Any]], found["variables"])

    def check(self, project: str, kind: str, text: str, dialect: str = "") -> dict[str, Any]:
        body = {"project": project, "kind": kind, "text": text, "dialect": dialect}
        return self._json("POST", f"{API}/checks", json=body)

    def submit(self, submission: Submission) -> JobAnswer:
        """The new job, or the one that this client id made before. A refused job carries `refusals`."""
        body = {
            "project": submission.project,
            "kind": submission.kind.value,
            "dialect": submission.dialect,
            "text": submission.text,
            "title": submission.title,
            "purpose": submission.purpose,
            "descriptions": [{"output": name, "text": text} for name, text in submission.descriptions],
            "client_id": submission.client_id,
            "replaces": submission.replaces,
        }
        return cast(JobAnswer, self._json("POST", f"{API}/submissions", json=body))

    def job(self, ident: str) -> JobAnswer:
        return cast(JobAnswer, self._json("GET", f"{API}/jobs/{part(ident)}"))

    def jobs(self, project: str | None = None, after: str | None = None, limit: int = 50) -> list[JobAnswer]:
        params = {"project": project, "after": after, "limit": limit}
        found = self._json("GET", f"{API}/jobs", params={k: v for k, v in params.items() if v is not None})
        return cast(list[JobAnswer], found["jobs"])

    def outputs(self, job: str) -> list[dict[str, Any]]:
        """What the caller may know of a job's outputs."""
        return cast(list[dict[str, Any]], self.job(job)["outputs"])

    def withdraw(self, job: str) -> None:
        self._send("POST", f"{API}/jobs/{part(job)}/withdrawal")

    def download(self, output: str) -> bytes:
        return self._send("GET", f"{API}/outputs/{part(output)}/content").content

    def record(self, output: str) -> bytes:
        """The record that goes with a released output, as it is hashed in the manifest."""
        return self._send("GET", f"{API}/outputs/{part(output)}/record").content

    def manifest(self, job: str) -> dict[str, Any]:
        return self._json("GET", f"{API}/jobs/{part(job)}/manifest")

    def saved(self, project: str) -> list[SavedAnswer]:
        """What a project keeps and has asked for."""
        return cast(list[SavedAnswer], self._json("GET", f"{API}/projects/{part(project)}/saved")["saved"])

    def propose_lookup(self, project: str, name: str, about: str, text: str) -> SavedAnswer:
        """Ask for a CSV to be kept as `project.name`."""
        body = {"name": name, "about": about, "text": text}
        return cast(SavedAnswer, self._json("POST", f"{API}/projects/{part(project)}/saved", json=body))

    def drop_saved(self, project: str, name: str) -> None:
        self._send("DELETE", f"{API}/projects/{part(project)}/saved/{part(name)}")

    def budget(self, project: str) -> dict[str, Any]:
        """What the project may spend of each person's privacy, with its history."""
        return self._json("GET", f"{API}/projects/{part(project)}/budget")
