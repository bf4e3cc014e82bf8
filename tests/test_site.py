"""The documentation builds as a site without a warning, and every link of it leads somewhere, out of docs/ too."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from tests.conftest import ROOT

pytest.importorskip("mkdocs", reason="needs the extra `site`: pip install -e '.[site]'")
ADDRESS = re.compile(r'(?:href|src)="([^"#?]+)[^"]*"')


def test_the_conda_environment_has_what_make_run_installs():
    told = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [one["pip"] for one in told if isinstance(one, dict)]
    recipe = re.search(r"^\.venv/run-ready:.*\n\t\$\(INSTALL\) (.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    assert " ".join(pip) == recipe[1].replace("'", "")
    assert "python=3.12" in told


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make docs` builds it: 3 seconds of a processor."""
    folder = tmp_path_factory.mktemp("site")
    recipe = re.search(r"^docs:.*\n\t(.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    command = recipe.replace("$(BIN)/mkdocs", f"{sys.executable} -m mkdocs").replace("build/site", str(folder))
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def broken(site: Path) -> list[str]:
    """What is wrong with the relative links of the pages below `site`."""
    found = []
    for page in sorted(site.rglob("*.html")):
        for address in ADDRESS.findall(page.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:|/", address) or page.name == "404.html":
                continue
            target = page.parent / unquote(address)
            if not (target / "index.html" if target.is_dir() else target).exists():
                found.append(f"{page.relative_to(site)}: {address}")
    return found


def test_every_link_of_the_site_leads_somewhere(site):
    assert broken(site) == []


def test_what_pages_link_to_outside_of_docs_is_part_of_the_site(site):
    assert "Contributing" in (site / "repository" / "CONTRIBUTING" / "index.html").read_text()
    assert (site / "repository" / "conf" / "cluster" / "slurm.yaml").read_text().startswith("#")
    assert 'href="../repository/CONTRIBUTING/' in (site / "recipes" / "index.html").read_text()
    assert not (site / "site.py").exists()


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "index.html").write_text(
        '<a href="absent/">a</a> <img src="https://example.org/x.png"> <a href="#b">b</a>'
    )
    assert broken(tmp_path) == ["index.html: absent/"]
