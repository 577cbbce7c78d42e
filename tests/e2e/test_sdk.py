"""The official OpenAI SDK, through the gateway to providers that we did not write: no difference to a direct call."""

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from llmock.pytest_plugin import LLMock
from openai import OpenAI

from tests import world
from tests.e2e.conftest import Pair, Way
from tests.process import DEMO_KEY, GatewayProcess
from tests.upstreams import behaviours
from tests.upstreams.server import Upstream

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
# What a provider makes up anew for each answer.
FRESH = {"id", "created", "system_fingerprint", "tool_call_id", "request_id"}


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def settled(value: Any) -> Any:
    """A value without what differs between any two calls."""
    if hasattr(value, "model_dump"):
        return settled(value.model_dump())
    if isinstance(value, dict):
        return {name: settled(item) for name, item in value.items() if name not in FRESH}
    if isinstance(value, list | tuple):
        return [settled(item) for item in value]
    return value


def same(pair: Pair, call: Callable[[OpenAI, str], Any]) -> Any:
    """Run a call both ways, check that the client sees the same, and give back what it saw."""
    direct = settled(call(pair.direct.client(), pair.direct.model))
    through = settled(call(pair.through.client(), pair.through.model))
    assert through == direct
    return through


def test_a_plain_answer(pair: Pair) -> None:
    seen = same(pair, lambda client, model: client.chat.completions.create(model=model, messages=user("hello")))
    assert seen["choices"][0]["message"]["content"]
    assert seen["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("asked", [True, False])
def test_a_stream(pair: Pair, asked: bool) -> None:
    fields: dict[str, Any] = {"stream_options": {"include_usage": True}} if asked else {}

    def call(client: OpenAI, model: str) -> list[Any]:
        return list(
            client.chat.completions.create(model=model, messages=user("long story"), stream=True, **fields)
        )

    seen = same(pair, call)
    assert "".join(choice["delta"]["content"] or "" for chunk in seen for choice in chunk["choices"])
    assert bool(seen[-1]["usage"]) is asked


def test_the_stream_helper_of_the_sdk(pair: Pair) -> None:
    def call(client: OpenAI, model: str) -> Any:
        with client.chat.completions.stream(model=model, messages=user("long story")) as stream:
            for _event in stream:
                pass
            return stream.get_final_completion()

    assert same(pair, call)["choices"][0]["finish_reason"] == "stop"


def test_a_tool_call_and_its_result(pair: Pair) -> None:
    def call(client: OpenAI, model: str) -> list[Any]:
        messages = user("weather, please")
        first = client.chat.completions.create(model=model, messages=messages, tools=[TOOL])
        message = first.choices[0].message
        assert message.tool_calls
        results = [{"role": "tool", "tool_call_id": call.id, "content": "21 °C"} for call in message.tool_calls]
        said = message.model_dump(exclude_none=True)
        second = client.chat.completions.create(model=model, messages=[*messages, said, *results], tools=[TOOL])
        return [first, second]

    first, _second = same(pair, call)
    assert first["choices"][0]["finish_reason"] == "tool_calls"
    assert json.loads(first["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])


def test_a_streamed_tool_call(pair: Pair) -> None:
    def call(client: OpenAI, model: str) -> list[Any]:
        messages = user("weather, please")
        return list(client.chat.completions.create(model=model, messages=messages, tools=[TOOL], stream=True))

    seen = same(pair, call)
    assert any(choice["delta"].get("tool_calls") for chunk in seen for choice in chunk["choices"])


@pytest.mark.parametrize("stream", [True, False])
def test_two_tools_at_once(aimock_pair: Pair, stream: bool) -> None:
    def call(client: OpenAI, model: str) -> Any:
        with client.chat.completions.stream(model=model, messages=user("two tools at once"), tools=[TOOL]) as live:
            return live.get_final_completion()

    def whole(client: OpenAI, model: str) -> Any:
        return client.chat.completions.create(model=model, messages=user("two tools at once"), tools=[TOOL])

    seen = same(aimock_pair, call if stream else whole)
    calls = seen["choices"][0]["message"]["tool_calls"]
    assert [json.loads(each["function"]["arguments"])["city"] for each in calls] == ["Paris", "Oslo"]


def test_json_mode(aimock_pair: Pair) -> None:
    def call(client: OpenAI, model: str) -> Any:
        shape = {"type": "json_object"}
        return client.chat.completions.create(model=model, messages=user("as json"), response_format=shape)

    assert json.loads(same(aimock_pair, call)["choices"][0]["message"]["content"]) == {"answer": 42}


def test_raw_responses(pair: Pair) -> None:
    def call(client: OpenAI, model: str) -> list[Any]:
        raw = client.chat.completions.with_raw_response.create(model=model, messages=user("hello"))
        return [raw.status_code, raw.headers["content-type"].split(";")[0], raw.parse()]

    same(pair, call)
    client = pair.through.client()
    raw = client.chat.completions.with_raw_response.create(model=pair.through.model, messages=user("hello"))
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.parse()._request_id == raw.headers["x-request-id"]


def test_streaming_raw_responses(pair: Pair) -> None:
    def call(client: OpenAI, model: str) -> Any:
        with client.chat.completions.with_streaming_response.create(
            model=model, messages=user("long story"), stream=True, stream_options={"include_usage": True}
        ) as response:
            lines = [line for line in response.iter_lines() if line.startswith("data: {")]
        return [json.loads(line[6:]) for line in lines]

    same(pair, call)


async def test_the_async_client(pair: Pair) -> None:
    async def call(way: Way) -> list[Any]:
        async with way.async_client() as client:
            whole = await client.chat.completions.create(model=way.model, messages=user("hello"))
            stream = await client.chat.completions.create(model=way.model, messages=user("hello"), stream=True)
            return [settled(whole), [settled(chunk) async for chunk in stream]]

    direct, through = await call(pair.direct), await call(pair.through)
    assert through == direct


async def test_many_async_calls_at_once_do_not_mix(aimock_pair: Pair) -> None:
    import asyncio

    async with aimock_pair.through.async_client() as client:

        async def ask(text: str) -> str:
            answer = await client.chat.completions.create(model=aimock_pair.through.model, messages=user(text))
            return answer.choices[0].message.content or ""

        answers = await asyncio.gather(*(ask(text) for text in ["hello", "long story"] * 30))
    assert [text[:5] for text in answers] == ["Hello", "Once "] * 30


def test_a_client_that_stops_reading_a_stream(pair: Pair) -> None:
    client = pair.through.client()
    stream = client.chat.completions.create(model=pair.through.model, messages=user("long story"), stream=True)
    next(iter(stream))
    stream.close()
    assert client.chat.completions.create(model=pair.through.model, messages=user("hello")).choices


def test_tokens_in_the_row_are_those_that_the_client_saw(pair: Pair, gateway: GatewayProcess) -> None:
    client, model = pair.through.client(), pair.through.model
    raw = client.chat.completions.with_raw_response.create(model=model, messages=user("hello"))
    usage = raw.parse().usage
    assert usage is not None
    row = gateway.row(raw.headers["x-request-id"])
    assert (row["tokens_in"], row["tokens_out"]) == (usage.prompt_tokens, usage.completion_tokens)


def test_models(gateway: GatewayProcess) -> None:
    client = Way(gateway.base_url, world.CI_KEY, "").client()
    names = [model.id for model in client.models.list()]
    assert {"plain", "org/model-x", "smart"} <= set(names)
    assert client.models.retrieve("plain").id == "plain"
    assert client.models.retrieve("org/model-x").id == "org/model-x"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("plian")


def test_the_printed_snippet_works(gateway: GatewayProcess) -> None:
    client = OpenAI(base_url=gateway.base_url, api_key=DEMO_KEY)
    answer = client.chat.completions.create(model="demo", messages=user("Hello"))
    assert answer.choices[0].message.content
    assert answer.usage is not None


# Errors arrive as the SDK's own exceptions


def failing(gateway: GatewayProcess, key: str, model: str, **fields: Any) -> Exception:
    client = Way(gateway.base_url, key, model).client()
    with pytest.raises(openai.APIError) as caught:
        client.chat.completions.create(model=model, **{"messages": user("hello"), **fields})
    return caught.value


@pytest.mark.parametrize(
    ("key", "model", "fields", "expected", "code"),
    [
        ("sk-nobody-has-this-key-0000", "plain", {}, openai.AuthenticationError, "invalid_api_key"),
        ("nonsense", "plain", {}, openai.AuthenticationError, "invalid_api_key"),
        (world.VIEWER_KEY, "plain", {}, openai.PermissionDeniedError, "permission_denied"),
        (world.NARROW_KEY, "smart", {}, openai.PermissionDeniedError, "model_not_allowed"),
        (world.CI_KEY, "plian", {}, openai.NotFoundError, "model_not_found"),
        (world.CI_KEY, "plain", {"messages": []}, openai.BadRequestError, "invalid_request_error"),
        (world.CI_KEY, "plain", {"temperature": "hot"}, openai.BadRequestError, "invalid_request_error"),
        (world.CI_KEY, "plain", {"extra_body": {"api_base": "x"}}, openai.BadRequestError, "unknown_parameter"),
        (world.CI_KEY, "nobody", {}, openai.InternalServerError, "no_available_account"),
        (world.CI_KEY, "dead-end", {}, openai.InternalServerError, "upstream_error"),
    ],
)
def test_refusals(
    gateway: GatewayProcess, key: str, model: str, fields: dict[str, Any], expected: type[Exception], code: str
) -> None:
    error = failing(gateway, key, model, **fields)
    assert type(error) is expected
    assert isinstance(error, openai.APIStatusError)
    assert error.code == code
    assert error.request_id is not None
    assert error.request_id.startswith("req_")


def test_too_many_requests(gateway: GatewayProcess) -> None:
    client = Way(gateway.base_url, world.RPM_KEY, "").client()
    with pytest.raises(openai.RateLimitError) as caught:
        for _ in range(6):
            client.chat.completions.create(model="plain", messages=user("hello"))
    assert caught.value.code == "rate_limit_exceeded"
    assert int(caught.value.response.headers["retry-after"]) > 0


def test_a_providers_400_is_the_same_exception_both_ways(aimock_pair: Pair) -> None:
    def call(client: OpenAI, model: str) -> Any:
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model=model, messages=user("fail with 400"))
        return [caught.value.status_code, caught.value.body]

    same(aimock_pair, call)


def test_a_providers_500_is_an_internal_server_error(aimock_pair: Pair) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        aimock_pair.through.client().chat.completions.create(
            model=aimock_pair.through.model, messages=user("fail with 500")
        )
    assert caught.value.status_code == 502


# Faults that llmock injects


@pytest.mark.parametrize("fault", ["disconnect", "truncate", "corrupt", "stall"])
def test_a_stream_that_breaks_is_an_exception_and_never_an_answer(
    llmock: LLMock, llmock_pair: Pair, gateway: GatewayProcess, fault: str
) -> None:
    llmock.reply("one two three four five six seven eight nine ten", times=None).pace(30)
    getattr(llmock, fault)(after_chunks=3)
    client = llmock_pair.through.client()
    # The SDK lets an event that is not JSON through as a ValueError, directly and through the gateway.
    with pytest.raises((openai.APIError, ValueError)):  # noqa: PT012 - the stream breaks anywhere
        with client.chat.completions.create(
            model=llmock_pair.through.model, messages=user("count"), stream=True
        ) as stream:
            for chunk in stream:
                assert not any(choice.finish_reason for choice in chunk.choices)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_one_failure_upstream_is_not_noticed(llmock: LLMock, llmock_pair: Pair, status: int) -> None:
    llmock.fail(status, times=1)
    answer = llmock_pair.through.client().chat.completions.create(
        model=llmock_pair.through.model, messages=user("hello")
    )
    assert answer.choices[0].message.content
    assert len(llmock.requests) == 2


def test_a_refusal_that_no_retry_can_mend_is_sent_once(llmock: LLMock, llmock_pair: Pair) -> None:
    llmock.context_overflow(times=None)
    with pytest.raises(openai.BadRequestError) as caught:
        llmock_pair.through.client().chat.completions.create(model=llmock_pair.through.model, messages=user("hello"))
    assert caught.value.code == "context_length_exceeded"
    assert len(llmock.requests) == 1
    llmock.assert_resilient()


def test_an_outage_is_told_as_one(llmock: LLMock, llmock_pair: Pair) -> None:
    llmock.outage()
    with pytest.raises(openai.InternalServerError) as caught:
        llmock_pair.through.client().chat.completions.create(model=llmock_pair.through.model, messages=user("hello"))
    assert len(caught.value.body["attempts"]) == 2  # type: ignore[index, call-overload]
    assert len(llmock.requests) == 2


def test_an_error_inside_a_stream_is_an_api_error(gateway: GatewayProcess, upstream: Upstream, model: str) -> None:
    upstream.on(model, behaviours.stream(2, then="reset"))
    client = Way(gateway.base_url, world.CI_KEY, model).client()
    seen = []
    with pytest.raises(openai.APIError) as caught:  # noqa: PT012
        for chunk in client.chat.completions.create(model=model, messages=user("x"), stream=True):
            seen.append(chunk.choices[0].delta.content)
    assert "incomplete" in caught.value.message
    assert seen == ["", "wörd0 ", "wörd1 "]
