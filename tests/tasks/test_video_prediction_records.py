"""Video prediction: checksums and messages of TFRecord files."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.robot_pushing import example, google_sequence, masked_checksum, record

from aibench.tasks.video_prediction.example import MalformedError, bytes_in, features, floats_in
from aibench.tasks.video_prediction.tfrecord import crc32c, masked


@pytest.mark.parametrize(
    ("message", "checksum"),
    [  # RFC 3720, B.4, and the check value of the CRC catalogue
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_checksums_are_those_of_the_standard(message, checksum):
    assert crc32c(message) == checksum


@pytest.mark.parametrize("length", [3, 256, 1025, 70_001])
def test_long_messages_have_the_checksum_that_is_found_a_byte_at_a_time(length):
    message = np.random.default_rng(length).integers(256, size=length, dtype=np.uint8).tobytes()
    assert masked(crc32c(message)) == masked_checksum(message)
    assert crc32c(bytes([message[0] ^ 1]) + message[1:]) != crc32c(message)


@pytest.mark.parametrize("packed", [True, False])
def test_features_are_read_as_they_were_written(packed):
    written = google_sequence(4, 3)
    found = dict(features(memoryview(example(written, packed=packed))))
    assert list(found) == list(written)
    for name, value in written.items():
        if isinstance(value, bytes):
            assert bytes_in(found[name]) == value
        elif isinstance(value, list):
            assert floats_in(found[name]).tolist() == value


def test_a_message_that_protobuf_wrote_is_read_alike():
    message = _example_class()()
    feature = message.features.feature
    feature["image"].bytes_list.value.append(b"\x00\x01\xff" * 100)
    feature["action"].float_list.value.extend([0.5, -2.25, 1e-3])
    feature["count"].int64_list.value.extend([-1, 2**40])
    found = dict(features(memoryview(message.SerializeToString())))
    assert set(found) == {"image", "action", "count"}
    assert bytes_in(found["image"]) == b"\x00\x01\xff" * 100
    np.testing.assert_array_equal(floats_in(found["action"]), np.array([0.5, -2.25, 1e-3], dtype=np.float32))
    written = _example_class().FromString(example({"image": b"12", "action": [0.25, 4.0], "count": 300}))
    assert written.features.feature["image"].bytes_list.value == [b"12"]
    assert written.features.feature["action"].float_list.value == [0.25, 4.0]
    assert written.features.feature["count"].int64_list.value == [300]


def _example_class():
    """The messages of TensorFlow's `example.proto` and `feature.proto`, as protobuf itself makes them."""
    pytest.importorskip("google.protobuf")
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="check", syntax="proto3")

    def add(messages, name, *fields):
        message = messages.add(name=name)
        for number, (called, kind, label, type_name) in enumerate(fields, start=1):
            message.field.add(name=called, number=number, type=kind, label=label, type_name=type_name)
        return message

    one, many = kinds.LABEL_OPTIONAL, kinds.LABEL_REPEATED
    add(file.message_type, "BytesList", ("value", kinds.TYPE_BYTES, many, None))
    add(file.message_type, "FloatList", ("value", kinds.TYPE_FLOAT, many, None))
    add(file.message_type, "Int64List", ("value", kinds.TYPE_INT64, many, None))
    lists = [
        (f"{kind}_list", kinds.TYPE_MESSAGE, one, f".check.{kind.title()}List") for kind in ("bytes", "float", "int64")
    ]
    feature = add(file.message_type, "Feature", *lists)
    feature.oneof_decl.add(name="kind")
    for part in feature.field:
        part.oneof_index = 0
    whole = add(file.message_type, "Features", ("feature", kinds.TYPE_MESSAGE, many, ".check.Features.FeatureEntry"))
    entry = add(
        whole.nested_type,
        "FeatureEntry",
        ("key", kinds.TYPE_STRING, one, None),
        ("value", kinds.TYPE_MESSAGE, one, ".check.Feature"),
    )
    entry.options.map_entry = True
    add(file.message_type, "Example", ("features", kinds.TYPE_MESSAGE, one, ".check.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("check.Example"))


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b"\x0a\x05\x0a", "ends beyond its message"),
        (b"\x0a", "a number that ends beyond its message"),
        (b"\xff" * 11, "a number of more than 10 bytes"),
        (b"\x0b", "unknown wire type 3"),
        (b"\x0a\x04\x0a\x02\x12\x00", "a feature without name or value"),
        (b"\x0a\x07\x0a\x05\x0a\x01\xff\x12\x00", "a feature whose name is not UTF-8"),
    ],
)
def test_what_is_no_example_is_refused(message, said):
    with pytest.raises(MalformedError, match=said):
        list(features(memoryview(message)))


def test_a_record_is_length_data_and_their_checksums():
    whole = record(b"abc")
    assert whole[:8] == b"\x03" + bytes(7)
    assert int.from_bytes(whole[8:12], "little") == masked(crc32c(whole[:8]))
    assert int.from_bytes(whole[15:], "little") == masked(crc32c(b"abc"))
