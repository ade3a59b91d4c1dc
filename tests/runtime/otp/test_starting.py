"""OTP's supervisor_SUITE: how a supervisor starts, what a start that is ignored or fails leaves, which specs are refused."""

import itertools

import pytest

from actors.runtime import (
    ChildSpec,
    Ignore,
    InitFailed,
    NotFound,
    SpecError,
    SupervisorSpec,
    check_childspecs,
    open_supervisor,
)
from actors.runtime.testing import Cast, Oops
from tests.runtime.suite import counts, scripted, states


def template(start, **keywords):
    return SupervisorSpec("pool", "simple_one_for_one", (ChildSpec("template", start, **keywords),))


async def test_a_supervisor_of_nobody_starts_and_ends(autojump_clock):
    """supervisor_SUITE: sup_start_normal"""
    async with open_supervisor(SupervisorSpec("top", "one_for_one", intensity=2, period_s=3600)) as sup:
        assert sup.which_children() == ()
    assert ((await sup.wait()).kind, (await sup.wait()).reason) == ("shutdown", "left")


async def test_an_ignored_child_keeps_its_spec(autojump_clock):
    """supervisor_SUITE: sup_start_ignore_child"""
    cast = Cast()
    async with open_supervisor(SupervisorSpec("top", "one_for_one")) as sup:
        assert await sup.start_child(ChildSpec("child1", cast.ignores)) is None
        assert await sup.start_child(ChildSpec("child2", cast.steady)) == "child2"
        assert states(sup) == {"child1": "undefined", "child2": "running"}
        assert counts(sup) == (2, 1, 0, 2)


@pytest.mark.parametrize("by_hand", [False, True])
async def test_an_ignored_temporary_child_is_forgotten(autojump_clock, by_hand):
    """supervisor_SUITE: sup_start_ignore_temporary_child
    supervisor_SUITE: sup_start_ignore_temporary_child_start_child
    """
    cast = Cast()
    children = (ChildSpec("child1", cast.ignores, restart="temporary"), ChildSpec("child2", cast.steady))
    spec = SupervisorSpec("top", "one_for_one", () if by_hand else children)
    async with open_supervisor(spec) as sup:
        if by_hand:
            assert [await sup.start_child(child) for child in children] == [None, "child2"]
        assert states(sup) == {"child2": "running"}
        assert counts(sup) == (1, 1, 0, 1)


@pytest.mark.parametrize("restart", ["temporary", "permanent"])
async def test_an_ignored_child_of_a_template_is_forgotten_whatever_its_restart_type(autojump_clock, restart):
    """supervisor_SUITE: sup_start_ignore_temporary_child_start_child_simple
    supervisor_SUITE: sup_start_ignore_permanent_child_start_child_simple
    """
    cast = Cast()
    async with open_supervisor(template(scripted(cast, Ignore, True), restart=restart)) as sup:
        assert await sup.start_child("child1") is None
        assert await sup.start_child("child2") == "child2"
        assert states(sup) == {"child2": "running"}
        assert counts(sup) == (1, 1, 0, 1)
    assert (await sup.wait()).kind == "shutdown"


async def test_a_first_start_that_raises_is_told_to_the_opener(autojump_clock):
    """supervisor_SUITE: sup_start_fail
    supervisor_SUITE: faulty_application_shutdown
    """

    async def calls_what_is_not_there(ctx):
        return ctx.an_undefined_function(1, 2)

    spec = SupervisorSpec("app", "one_for_one", (ChildSpec("server", calls_what_is_not_there),))
    with pytest.raises(InitFailed, match="an_undefined_function") as caught:
        async with open_supervisor(spec):
            pytest.fail("the block must not run")
    assert (caught.value.child, caught.value.kind) == ("server", "error")
    assert isinstance(caught.value.cause, AttributeError)


@pytest.mark.parametrize(("outcome", "cause"), [(Oops("reason"), Oops), ("neither ready nor an error", type(None))])
async def test_a_start_by_hand_that_fails_leaves_nothing(autojump_clock, outcome, cause):
    """supervisor_SUITE: sup_start_child_returns_error
    supervisor_SUITE: sup_start_child_returns_error_simple
    """
    cast = Cast()
    start = scripted(cast, outcome)
    async with open_supervisor(SupervisorSpec("top", "one_for_one"), report=cast.probe.report) as sup:
        with pytest.raises(InitFailed) as caught:
            await sup.start_child(ChildSpec("child1", start))
        assert type(caught.value.cause) is cause
        assert sup.which_children() == ()
    async with open_supervisor(template(start), report=cast.probe.report) as sup:
        with pytest.raises(InitFailed):
            await sup.start_child("child1")
        assert sup.which_children() == ()


async def test_a_restart_by_hand_that_fails_keeps_the_spec(autojump_clock):
    """supervisor_SUITE: sup_start_restart_child_returns_error"""
    cast = Cast()
    spec = SupervisorSpec("top", "one_for_one", (ChildSpec("child1", scripted(cast, True, Oops("no"))),))
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        await sup.terminate_child("child1")
        with pytest.raises(InitFailed, match="no"):
            await sup.restart_child("child1")
        assert states(sup) == {"child1": "undefined"}


async def test_a_childs_spec_can_be_read_with_its_defaults(autojump_clock):
    """supervisor_SUITE: sup_start_map"""
    cast = Cast()
    inner = SupervisorSpec("inner", "one_for_one")
    children = (
        ChildSpec("child1", cast.steady),
        ChildSpec("child2", cast.steady, shutdown_ms="brutal_kill"),
        ChildSpec("child3", inner, type="supervisor"),
    )
    async with open_supervisor(SupervisorSpec("top", "one_for_one", children)) as sup:
        read = [sup.get_childspec(f"child{number}") for number in (1, 2, 3)]
        assert [(spec.start, spec.restart, spec.shutdown_ms, spec.type, spec.significant) for spec in read] == [
            (cast.steady, "permanent", 5000, "worker", False),
            (cast.steady, "permanent", "brutal_kill", "worker", False),
            (inner, "permanent", "infinity", "supervisor", False),
        ]
        with pytest.raises(NotFound):
            sup.get_childspec("child4")
        assert (sup.spec.intensity, sup.spec.period_s, sup.spec.auto_shutdown) == (1, 5.0, "never")


async def test_each_child_of_a_template_has_the_templates_spec(autojump_clock):
    """supervisor_SUITE: sup_start_map_simple"""
    cast = Cast()
    spec = template(cast.steady, restart="temporary")
    async with open_supervisor(spec) as sup:
        for key in ("1", "2", "3"):
            await sup.start_child(key)
        assert {sup.get_childspec(key) for key in "123"} == {spec.children[0].with_resolved_shutdown()}
        with pytest.raises(NotFound):
            sup.get_childspec("template")


def test_a_spec_without_an_id_or_a_start_is_no_spec():
    """supervisor_SUITE: sup_start_map_faulty_specs"""
    start = Cast().steady
    with pytest.raises(TypeError, match="id"):
        ChildSpec(start=start)
    with pytest.raises(TypeError, match="start"):
        ChildSpec("child2")
    with pytest.raises(TypeError, match="silly_flag"):
        ChildSpec("child3", start, silly_flag=True)
    with pytest.raises(SpecError, match="children"):
        SupervisorSpec("top", "one_for_one", ("child4",))


@pytest.mark.parametrize(
    ("field", "keywords"),
    [
        ("start", {"start": "mfa"}),
        ("restart", {"restart": "prmanent"}),
        ("shutdown_ms", {"shutdown_ms": -10}),
        ("type", {"type": "wrker"}),
        ("significant", {"significant": "maybe"}),
    ],
)
def test_a_bad_field_of_a_childs_spec_is_named(field, keywords):
    """supervisor_SUITE: child_specs
    supervisor_SUITE: child_specs_map
    """
    with pytest.raises(SpecError) as caught:
        ChildSpec("child", **({"start": Cast().steady} | keywords))
    assert caught.value.field == field


def test_every_good_combination_of_a_childs_fields_passes_and_every_bad_one_is_refused():
    """supervisor_SUITE: child_specs
    supervisor_SUITE: child_specs_map
    """
    worker, inner = Cast().steady, SupervisorSpec("inner", "one_for_one")
    combinations = itertools.product(
        ("permanent", "transient", "temporary"),
        (None, 0, 1000, "infinity", "brutal_kill"),
        ("worker", "supervisor"),
        (False, True),
        ("never", "any_significant", "all_significant"),
    )
    for restart, shutdown_ms, kind, significant, auto_shutdown in combinations:
        start = inner if kind == "supervisor" else worker

        def check(fields=(restart, shutdown_ms, kind, significant), start=start, auto_shutdown=auto_shutdown):
            check_childspecs([ChildSpec("child", start, *fields)], auto_shutdown)

        if significant and (restart == "permanent" or auto_shutdown == "never"):
            with pytest.raises(SpecError, match="significant"):
                check()
        else:
            check()


def test_children_of_one_id_and_things_that_are_no_list_are_refused():
    """supervisor_SUITE: child_specs
    supervisor_SUITE: child_specs_map
    """
    child = ChildSpec("child", Cast().steady)
    with pytest.raises(SpecError, match="more than one"):
        check_childspecs([child, child])
    with pytest.raises(SpecError, match="sequence"):
        check_childspecs(child)
    for children in ((), (child, child)):
        with pytest.raises(SpecError, match=r"children|id"):
            SupervisorSpec("top", "simple_one_for_one", children)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("strategy", "none_for_one"),
        ("intensity", "infinity"),
        ("period_s", 0),
        ("period_s", float("inf")),
        ("auto_shutdown", "sometimes"),
    ],
)
def test_a_bad_flag_of_a_supervisor_is_named(field, value):
    """supervisor_SUITE: sup_flags"""
    with pytest.raises(SpecError) as caught:
        SupervisorSpec(**({"name": "top", "strategy": "one_for_one"} | {field: value}))
    assert (caught.value.field, caught.value.value) == (field, value)
