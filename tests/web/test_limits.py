"""How often one subject may call."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from assignment_engine.config import read_settings
from assignment_engine.domain.errors import ConfigurationError
from tests.databases import Servers
from tests.redis_server import RedisServer, running_redis
from tests.web.conftest import SECRET, Api, served
from webapp.app import create_app
from webapp.auth import Role, allow


def statuses(api: Api, times: int) -> list[int]:
    return [api.get("/tasks").status_code for _ in range(times)]


def test_each_subject_has_its_own_limit(servers: Servers) -> None:
    """Over all endpoints together; whoever is over it is told when to come back."""
    with servers["sqlite"].migrated() as url, served(url, rate_limit="3/hour") as api:
        assert statuses(api, 2) == [200, 200]
        assert api.get("/api/employees").status_code == 200
        refused = api.get("/tasks")
        assert (refused.status_code, refused.content_type) == (429, "application/problem+json")
        assert 1 <= int(refused.headers["Retry-After"]) <= 3600
        assert refused.json is not None
        assert (refused.json["status"], refused.json["title"]) == (429, "Too Many Requests")
        assert statuses(api.as_("planner", "pia"), 4) == [200, 200, 200, 429]


def test_open_addresses_have_no_limit(servers: Servers) -> None:
    with servers["sqlite"].migrated() as url, served(url, rate_limit="1/hour") as api:
        assert [api.get("/health").status_code for _ in range(3)] == [200, 200, 200]
        assert [api.nobody.get("/tasks").status_code for _ in range(3)] == [401, 401, 401]


def test_heartbeats_are_counted_apart(servers: Servers) -> None:
    """A client that has used up its calls keeps its session alive."""
    with servers["sqlite"].migrated() as url, served(url, rate_limit="2/hour") as api:
        beat = allow(Role.ADMIN)(lambda: "alive")
        api.app.add_url_rule("/somebody/heartbeat", view_func=beat, methods=["POST"])
        assert statuses(api, 3) == [200, 200, 429]
        assert [api.post(f"/somebody/heartbeat{end}").status_code for end in ("", "/", "")] == [200, 200, 429]


def test_off(servers: Servers) -> None:
    with servers["sqlite"].migrated() as url, served(url, rate_limit="OFF") as api:
        assert set(statuses(api, 20)) == {200}


@pytest.mark.parametrize("limit", ["plenty", "5", "x/minute"])
def test_a_limit_that_is_none(limit: str) -> None:
    with pytest.raises(ConfigurationError, match="RATE_LIMIT"):
        create_app(read_settings(database_url="sqlite:///never-opened.db", jwt_secret=SECRET, rate_limit=limit))


def test_instances_count_together(servers: Servers, redis_server: RedisServer) -> None:
    with (
        servers["sqlite"].migrated() as url,
        served(url, rate_limit="4/hour", redis_url=redis_server.url) as one,
        served(url, rate_limit="4/hour", redis_url=redis_server.url) as other,
    ):
        assert [api.get("/tasks").status_code for api in (one, other, one, other, one, other)] == [200] * 4 + [429] * 2


def test_without_redis_each_instance_counts_by_itself(servers: Servers) -> None:
    """Requests do not fail because Redis is away, and the limit still holds."""
    with (
        running_redis() as server,
        servers["sqlite"].migrated() as url,
        served(url, rate_limit="3/hour", redis_url=server.url) as api,
    ):
        assert statuses(api, 1) == [200]
        server.stop()
        assert statuses(api, 4) == [200, 200, 200, 429]


def test_requests_that_see_redis_go_away_at_once(servers: Servers) -> None:
    """None of them fails, not only the first."""
    with (
        running_redis() as server,
        servers["sqlite"].migrated() as url,
        served(url, rate_limit="1000/hour", redis_url=server.url) as api,
        ThreadPoolExecutor(8) as pool,
    ):
        assert statuses(api, 1) == [200]
        server.stop()
        assert set(pool.map(lambda _: api.get("/tasks").status_code, range(32))) == {200}


def test_redis_may_be_away_from_the_start(servers: Servers) -> None:
    with (
        servers["sqlite"].migrated() as url,
        served(url, rate_limit="1/hour", redis_url="redis://127.0.0.1:9/0") as api,
    ):
        assert statuses(api, 2) == [200, 429]
