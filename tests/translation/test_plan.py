"""Which file is translated into which, and what is refused before anything is written."""

from pathlib import Path

import pytest

from i2i.errors import ConfigError, DataError
from i2i.translation.plan import make_plan

from ..helpers.images import READERS


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(here, *names):
    for name in names:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(b"")


def planned(inputs, out="out", **options):
    from pathlib import Path

    inputs = [inputs] if isinstance(inputs, str) else inputs
    plan = make_plan([str(text) for text in inputs], Path(out), READERS, **options)
    return {str(job.source): str(job.target) for job in plan.jobs}


def test_a_folder_is_taken_with_its_sub_folders_and_nothing_hidden(here):
    touch(here, "in/b.png", "in/a.JPG", "in/deep/er/c d.tif", "in/.hidden/x.png", "in/.x.png", "in/note.txt")
    assert planned("in") == {
        "in/a.JPG": "out/a.JPG",
        "in/b.png": "out/b.png",
        "in/deep/er/c d.tif": "out/deep/er/c d.tif",
    }
    from pathlib import Path

    assert [str(path) for path in make_plan(["in"], Path("out"), READERS).ignored] == ["in/note.txt"]


def test_files_and_folders_together(here):
    touch(here, "one.png", "some/two.png")
    assert planned(["one.png", "some", "one.png"]) == {"one.png": "out/one.png", "some/two.png": "out/two.png"}
    assert planned([here / "one.png"], here / "x") == {str(here / "one.png"): str(here / "x/one.png")}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("in/*.png", {"in/a.png": "out/a.png"}),
        ("in/**/*.png", {"in/a.png": "out/a.png", "in/sub/b.png": "out/sub/b.png"}),
        ("in/*", {"in/a.png": "out/a.png", "in/sub/b.png": "out/sub/b.png", "in/c[1].jpg": "out/c[1].jpg"}),
        ("in/s*", {"in/sub/b.png": "out/sub/b.png"}),
        ("in/c[[]1].jpg", {"in/c[1].jpg": "out/c[1].jpg"}),
        ("in/c[1].jpg", {"in/c[1].jpg": "out/c[1].jpg"}),
        ("*/a.png", {"in/a.png": "out/in/a.png"}),
    ],
)
def test_patterns(here, pattern, expected):
    touch(here, "in/a.png", "in/sub/b.png", "in/c[1].jpg", "in/note.txt")
    assert planned(pattern) == expected
    assert {path.removeprefix(f"{here}/"): target for path, target in planned(str(here / pattern)).items()} == expected


def test_the_output_folder_is_no_input(here):
    touch(here, "in/a.png", "in/out/b.png")
    assert planned("in", "in/out") == {"in/a.png": "in/out/a.png"}
    assert planned("in/**/*.png", "in/out") == {"in/a.png": "in/out/a.png"}
    assert planned("in/out", "in") == {"in/out/b.png": "in/b.png"}


def test_another_format_changes_the_suffix(here):
    touch(here, "in/a.jpg", "in/b.JPEG", "in/c.png", "in/d.x.webp", "in/e.gif", "scan.v2")
    assert list(planned("in", format_name="JPEG").values()) == ["out/a.jpg", "out/b.JPEG", "out/c.jpg", "out/d.x.jpg"]
    assert planned("scan.v2", format_name="PNG") == {"scan.v2": "out/scan.v2.png"}


def test_one_file_may_be_given_a_name(here):
    from pathlib import Path

    touch(here, "a.jpg", "in/b.png")
    (job,) = make_plan(["a.jpg"], Path("new/result.PNG"), READERS).jobs
    assert (str(job.target), job.format_name) == ("new/result.PNG", "PNG")
    assert planned("a.jpg", "result") == {"a.jpg": "result/a.jpg"}
    (here / "folder.png").mkdir()
    assert planned("a.jpg", "folder.png") == {"a.jpg": "folder.png/a.jpg"}
    for inputs in (["in"], ["a.jpg", "in/b.png"], ["in/*.png"]):
        with pytest.raises(ConfigError, match=r"-o result.png names a file, but .* may be many images; name a folder"):
            planned(inputs, "result.png")
    with pytest.raises(ConfigError, match="asks for PNG and --format for JPEG"):
        planned("a.jpg", "result.png", format_name="JPEG")


def test_an_output_folder_that_is_a_file(here):
    touch(here, "a.jpg", "out")
    with pytest.raises(ConfigError, match="-o out is a file; name a folder"):
        planned("a.jpg")


def test_missing_inputs_are_all_named(here):
    touch(here, "a.png")
    with pytest.raises(DataError) as raised:
        planned(["a.png", "b.png", "no/such/*.png"])
    assert "b.png" in str(raised.value)
    assert "no/such/*.png (a pattern that nothing matches)" in str(raised.value)


def test_no_image_at_all(here):
    touch(here, "in/readme.md")
    with pytest.raises(DataError, match=r"in: no images; expected files ending in \.png, .*; 1 other file,"):
        planned("in")


def test_two_inputs_of_one_output_are_refused(here):
    touch(here, "one/a.png", "two/a.png", "three/b.png", "three/b.jpg")
    with pytest.raises(DataError, match=r"(?s)1 outputs would be written by more than one.*one/a.png and two/a.png"):
        planned(["one", "two"], force=True)
    assert len(planned("three")) == 2
    with pytest.raises(DataError, match=r"three/b.jpg and three/b.png"):
        planned("three", format_name="PNG")


def test_existing_outputs_are_refused_unless_forced(here):
    touch(here, "in/a.png", "in/b.png", "out/a.png")
    with pytest.raises(DataError, match=r"(?s)1 outputs exist already.*out/a.png.*--force"):
        planned("in")
    assert len(planned("in", force=True)) == 2


def test_inputs_are_never_replaced(here):
    touch(here, "in/a.png", "in/b.jpg")
    (here / "link").symlink_to(here / "in")
    for inputs, out in ((["in"], "in"), (["in/a.png"], "link"), (["in/a.png"], "in/a.png")):
        with pytest.raises(DataError, match="outputs would replace inputs"):
            planned(inputs, out, force=True)


def test_a_loop_of_links_ends(here):
    touch(here, "in/a.png")
    (here / "in" / "loop").symlink_to(here / "in")
    assert planned("in") == {"in/a.png": "out/a.png"}


def test_videos_are_those_that_were_asked_for(here):
    touch(here, "in/a.png", "in/b.mp4", "in/c.MKV", "d.mov")
    plan = make_plan(["in", "d.mov"], Path("out"), READERS, format_name="JPEG")
    assert {str(job.source): str(job.target) for job in plan.videos} == {"d.mov": "out/d.mov"}
    assert [str(job.target) for job in plan.jobs] == ["out/a.jpg"]
    assert [path.name for path in plan.ignored] == ["b.mp4", "c.MKV"]
    plan = make_plan(["in/*"], Path("out"), READERS)
    assert [str(job.target) for job in plan.videos] == ["out/b.mp4", "out/c.MKV"]
    assert plan.ignored == ()


def test_the_name_of_a_video(here):
    touch(here, "a.mov", "b.png", "there/a.mov")
    (job,) = make_plan(["a.mov"], Path("new/result.mp4"), READERS).videos
    assert (str(job.target), job.format_name) == ("new/result.mp4", None)
    with pytest.raises(ConfigError, match=r"a\.mov is a video, and -o result\.png names an image"):
        make_plan(["a.mov"], Path("result.png"), READERS)
    with pytest.raises(ConfigError, match=r"b\.png is an image, and -o result\.mp4 names a video"):
        make_plan(["b.png"], Path("result.mp4"), READERS)
    with pytest.raises(ConfigError, match=r"-o result\.mp4 names a file, but .* may be many"):
        make_plan(["a.mov", "b.png"], Path("result.mp4"), READERS)
    with pytest.raises(DataError, match="1 outputs exist already"):
        make_plan(["a.mov"], Path("there"), READERS)
    with pytest.raises(DataError, match="1 outputs would replace inputs"):
        make_plan(["a.mov"], Path("a.mov"), READERS, force=True)


@pytest.mark.parametrize(
    "inputs", [["in/**/*"], ["in/**"], ["in/*", "in/**/*.png"], ["in/a.png", "in"], ["in", "./in"]]
)
def test_a_file_that_is_found_in_several_ways_is_translated_once(here, inputs):
    touch(here, "in/a.png", "in/sub/b.png")
    assert sorted(planned(inputs).values()) == ["out/a.png", "out/sub/b.png"]


def test_patterns_do_not_follow_links_around_loops(here):
    touch(here, "in/a.png", "in/sub/b.png")
    (here / "in" / "self").symlink_to(here / "in")
    (here / "in" / "again").symlink_to(here / "in")
    (here / "in" / "other").symlink_to(here / "in" / "sub")
    assert set(planned("in/**/*.png").values()) == {"out/a.png", "out/sub/b.png", "out/other/b.png"}


def test_patterns_with_folders_between(here):
    touch(here, "in/x/deep/a.png", "in/deep/b.png", "in/x/c.png", "in/x/deep/er/d.png")
    assert set(planned("in/**/deep").values()) == {"out/x/deep/a.png", "out/deep/b.png", "out/x/deep/er/d.png"}
    assert set(planned("in/**/deep/*.png").values()) == {"out/x/deep/a.png", "out/deep/b.png"}
    assert set(planned("in/x/**/d.png").values()) == {"out/deep/er/d.png"}


@pytest.mark.parametrize(("inputs", "out"), [([""], "out"), (["in"], "")])
def test_an_empty_text_is_no_folder(here, inputs, out):
    touch(here, "in/a.png")
    with pytest.raises(ConfigError, match="got an empty text: is a variable not set"):
        make_plan(inputs, out, READERS)


def test_a_name_that_the_system_refuses_is_an_error_in_one_line(here):
    with pytest.raises(DataError, match="File name too long; nothing was translated"):
        planned("x" * 300)


def test_the_output_folder_may_be_in_the_home_folder(here, monkeypatch):
    touch(here, "in/a.png")
    monkeypatch.setenv("HOME", str(here / "home"))
    assert planned("in", "~/out") == {"in/a.png": str(here / "home/out/a.png")}


@pytest.mark.parametrize(
    ("pattern", "kept", "left_out"),
    [
        ("in", ["in/a.jpg"], 2),
        ("in/*", ["in/a.jpg"], 2),
        ("in/**/*.jpg", ["in/a.jpg"], 2),
        ("in/@eaDir", ["in/@eaDir/a.jpg"], 0),
        ("in/@eaDir/*.jpg", ["in/@eaDir/a.jpg"], 0),
        ("in/**/@eaDir/*.jpg", ["in/@eaDir/a.jpg"], 1),
        ("*/#recycle/*", ["in/#recycle/b.jpg"], 0),
    ],
)
def test_clutter_is_left_out_unless_it_is_named(here, pattern, kept, left_out):
    touch(here, "in/a.jpg", "in/@eaDir/a.jpg", "in/#recycle/b.jpg", "other.jpg")
    plan = make_plan([pattern, "other.jpg"], Path("out"), READERS)
    assert sorted(str(job.source) for job in plan.jobs) == sorted([*kept, "other.jpg"])
    assert [note.split()[2] for note in plan.notes] == [str(left_out)] * bool(left_out)


def test_a_folder_of_nothing_but_clutter_is_refused(here):
    touch(here, "in/@eaDir/a.jpg")
    with pytest.raises(DataError, match=r"no images; .*; left out: 1 folder, .* such as in/@eaDir"):
        planned("in")
    with pytest.raises(DataError, match=r"nothing matches but what is left out\)\nleft out: 1 file, "):
        planned("in/*/*.jpg")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("holiday [2024]/*.png", "out/a.png"),
        ("holiday [2024]/**/*.png", "out/a.png"),
        ("holid*/*.png", "out/holiday [2024]/a.png"),
        ("holiday [2024]/a.png", "out/a.png"),
        ("~/pictures [1]/*.png", "out/home.png"),
        ("~*/x.png", "out/~dir/x.png"),
    ],
)
def test_folders_whose_names_look_like_patterns(here, monkeypatch, pattern, expected):
    touch(here, "holiday [2024]/a.png", "home [x]/pictures [1]/home.png", "~dir/x.png")
    monkeypatch.setenv("HOME", str(here / "home [x]"))
    assert list(planned(pattern).values()) == [expected]


@pytest.mark.parametrize(
    "name", ["~a.png", "~$a.png", "a[1].png", "[a] b.png", "50% #1 & co.png", "-1.png", "a\\b.png"]
)
def test_names_as_they_stand(here, name):
    touch(here, name)
    assert planned(name) == {name: f"out/{name}"}


@pytest.mark.parametrize(
    "out", ["x.gif", "x.GIF", "x.apng", "x.avif", "x.heic", "x.pdf", "x.zip", "x.avi", "x.mpg", "new/x.gif"]
)
@pytest.mark.parametrize("inputs", [["a.png"], ["clip.mp4"], ["in"], ["a.png", "clip.mp4"]])
def test_no_folder_is_made_of_a_name_that_is_a_file_s(here, inputs, out):
    touch(here, "a.png", "clip.mp4", "in/b.png")
    with pytest.raises(ConfigError, match=rf"files ending in \{Path(out).suffix.lower()} are not written; expected"):
        make_plan(inputs, Path(out), READERS)


@pytest.mark.parametrize(
    ("inputs", "out", "folder"),
    [
        (["a.png"], "x.unknown", False),
        (["a.png"], "v1.5", True),
        (["a.png"], "x.", True),
        (["in"], "results.final", True),
        (["a.png"], "there.gif", True),
    ],
)
def test_a_dot_in_a_folder_s_name(here, inputs, out, folder):
    touch(here, "a.png", "in/b.png")
    (here / "there.gif").mkdir()
    if folder:
        (target,) = planned(inputs, out).values()
        assert Path(target).parent == Path(out)
    else:
        with pytest.raises(ConfigError, match=r"files ending in \.unknown are not written"):
            planned(inputs, out)


def test_a_format_is_not_ignored_for_videos(here):
    touch(here, "a.mp4", "b.png")
    with pytest.raises(ConfigError, match=r"--format png is for images, and a\.mp4 is a video"):
        make_plan(["a.mp4"], Path("out"), READERS, format_name="PNG")
    plan = make_plan(["a.mp4", "b.png"], Path("out"), READERS, format_name="JPEG")
    assert plan.notes == ("--format is for images: 1 videos keep their containers",)
    assert [str(job.target) for job in plan.jobs] == ["out/b.jpg"]
