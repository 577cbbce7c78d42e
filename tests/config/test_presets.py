"""The shipped descriptions: each makes a provider that the models accept."""

import pytest

from providers.presets import Preset, load_presets
from providers.services import create_from_preset

PRESETS = load_presets()


def test_every_vendor_is_there() -> None:
    wanted = "openai anthropic gemini openrouter together groq mistral deepseek ollama llama-cpp vllm demo"
    assert set(wanted.split()) <= set(PRESETS)


@pytest.mark.django_db
@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_a_preset_makes_a_valid_provider(preset: Preset) -> None:
    provider = create_from_preset(preset=preset)
    assert (provider.slug, provider.preset, provider.base_url) == (preset.id, preset.id, preset.base_url)
    assert tuple(provider.models.order_by("pk").values_list("name", flat=True)) == preset.models


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_a_preset_says_where_its_credential_comes_from(preset: Preset) -> None:
    assert preset.needs_credential == preset.key_page.startswith("https://")
    assert preset.private == preset.base_url.startswith("http://")


def test_key_prefixes_only_tell_where_something_is_known() -> None:
    assert PRESETS["anthropic"].looks_like_its_key("sk-ant-123")
    assert not PRESETS["anthropic"].looks_like_its_key("gsk_123")
    assert PRESETS["mistral"].looks_like_its_key("anything")
