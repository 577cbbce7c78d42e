"""docs/configure.md and .env.example name every variable and every key that exists, and no other."""

import re

from console.config import schema
from gateway.environment import KNOWN
from providers.presets import load_presets
from tests.config.files import refusals
from tests.process import ROOT

GUIDE = (ROOT / "docs" / "configure.md").read_text()
TEMPLATE = (ROOT / ".env.example").read_text()


def test_the_guide_names_every_variable() -> None:
    table = GUIDE.split("## Environment variables")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.M)) == KNOWN


def test_the_template_names_every_variable() -> None:
    assert set(re.findall(r"^#?([A-Z_]+)=", TEMPLATE, re.M)) == KNOWN


def test_the_guide_names_every_section_and_preset() -> None:
    assert tuple(re.findall(r"^### (\w+)$", GUIDE, re.M)) == schema.SECTIONS
    assert all(f"`{name}`" in GUIDE for name in load_presets())


def test_the_example_is_valid(db, monkeypatch) -> None:
    example = GUIDE.split("```yaml\n")[1].split("```")[0]
    for name in re.findall(r"env:([A-Z0-9_]+)", example):
        monkeypatch.setenv(name, f"sk-{name.lower()}-1234567890")
    monkeypatch.setenv("PROXY_URL", "socks5://user:password@proxy.example.com:1080")
    assert refusals(example) == []


def test_the_readmes_file_is_valid(db, monkeypatch) -> None:
    readme = (ROOT / "README.md").read_text()
    monkeypatch.setenv("OPENAI_KEY", "sk-1234567890")
    assert refusals(readme.split("```yaml\n")[1].split("```")[0]) == []


def test_the_readme_links_to_files_that_exist() -> None:
    links = re.findall(r"\]\(([^):#]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
