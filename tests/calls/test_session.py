import gc

from msgspec import Struct

from tests.stores.calls import new, one_call, steps


def parts(value):
    yield value
    fields = [getattr(value, name) for name in value.__struct_fields__] if isinstance(value, Struct) else value
    for part in fields if isinstance(fields, list | tuple) else ():
        yield from parts(part)


def test_the_garbage_collector_has_nothing_to_walk_in_a_kept_session():
    *_, last = steps("call", *one_call())

    gc.collect()  # it lets go of tuples that hold nothing to walk

    walked = {type(part).__name__ for part in parts(last.session) if isinstance(part, Struct) and gc.is_tracked(part)}
    assert walked == set()
    assert len(list(parts(last.session))) > len(list(parts(new("call"))))
