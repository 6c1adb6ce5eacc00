"""Which style rules and pictures may change the hosted pages."""

from __future__ import annotations

import pytest

from ostiary.userpool.looks import check_css, check_image, find_image_type
from ostiary.userpool.refusal import AccountError

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff\xe0"


@pytest.mark.parametrize(
    "css",
    [
        "",
        "  /* nothing */ ",
        ".label-customizable { font-weight: 400; }",
        ".label-customizable,\n.banner-customizable{}",
        ".submitButton-customizable:hover { color: #fff /* } */ }",
        ".inputField-customizable:focus{}.passwordCheck-notValid-customizable{}",
    ],
)
def test_rules_of_known_classes_are_kept_as_they_are(css: str) -> None:
    assert check_css(css) == css


@pytest.mark.parametrize(
    ("css", "named"),
    [
        (".other-customizable{}", ".other-customizable"),
        (".label-customizable:hover{}", ".label-customizable:hover"),
        ("body{}", "body"),
        (".label-customizable, body{}", "body"),
        (".label-customizable .x{}", ".label-customizable .x"),
        ("{}", "The CSS class  cannot"),
        ("@import url(x);", "@"),
        ("@media print { .label-customizable{} }", "@"),
        (".label-customizable{}</style><script>", "<"),
        (".label-customizable{}\\", "\\"),
        (".label-customizable{ .x{} }", "{"),
        (".label-customizable{} }", "}"),
        (".label-customizable{} body", "body"),
        (".label-customizable{", ".label-customizable{"),
        (".label-customizable{} /* open", "an open comment"),
        (".label-/* x */customizable{}", ".label- customizable"),
    ],
)
def test_anything_else_is_named_and_refused(css: str, named: str) -> None:
    with pytest.raises(AccountError) as caught:
        check_css(css)

    assert caught.value.code == "InvalidParameterException"
    assert named in caught.value.message


def test_many_openings_of_comments_take_no_quadratic_time() -> None:
    with pytest.raises(AccountError) as caught:
        check_css("/*" * 65_536)

    assert "an open comment" in caught.value.message


@pytest.mark.parametrize(
    ("image", "kind"),
    [(PNG, "image/png"), (JPEG, "image/jpeg"), (b"<svg/>", None), (b"", None)],
)
def test_a_picture_is_told_by_its_first_bytes(image: bytes, kind: str | None) -> None:
    assert find_image_type(image) == kind


def test_a_logo_is_small_and_a_picture() -> None:
    edge = PNG + bytes(100 * 1024 - len(PNG))

    assert check_image(edge) == edge
    for image in (edge + b"\0", b"<svg/>"):
        with pytest.raises(AccountError) as caught:
            check_image(image)
        assert caught.value.code == "InvalidParameterException"
