import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
import torch

from i2i.errors import RunFolderError
from i2i.evaluation.sheets import write_picture, write_sheet
from i2i.models.scores import table_of
from i2i.plugins import MetricSpec
from i2i.plugins.manager import PluginManager
from i2i.training.records.page import write_page

from ...helpers.metrics import plugins_with

CONFIG = """\
method: {name: cyclegan}
generator: {name: resnet9, base_channels: 32}
discriminator:
- {name: patch70}
- {name: pixel}
loss: {name: lsgan}
buffer: {name: replay}
data: {root: 'sample:flat-3d', name: folders}
training: {steps: 2000}
"""
ATOB = {"l1": 18.04, "psnr": 17.25, "ssim": 0.7614, "identity_l1": 14.5, "identity_psnr": 16.1, "identity_ssim": 0.7}

TABLE = table_of(PluginManager({}))


class Page(HTMLParser):
    """Everything a test asks of a page: text, elements with their attributes, and whether tags are balanced."""

    VOID = ("meta", "img", "input", "br")

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts, self.open = [], [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, tag):
        return [attributes for found, attributes in self.elements if found == tag]


def page_of(folder):
    path = write_page(folder, TABLE)
    assert path == folder / "index.html"
    return Page(path.read_text(encoding="utf-8"))


def train_line(step, **losses):
    line = {"kind": "train", "step": step, "epoch": step / 160, "seconds": step * 0.29, "images_per_second": 3.4}
    return {**line, "learning_rate": 2e-4, "losses": losses}


def evaluation_line(step, **directions):
    return {"kind": "evaluation", "step": step, "images": 40, "directions": directions}


def write_metrics(folder, *lines, tail=""):
    text = "".join(json.dumps(line) + "\n" for line in lines) + tail
    (folder / "metrics.jsonl").write_text(text)


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "20260101-flat-3d"
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "environment.json").write_text(json.dumps({"torch": "2.13.0", "gpu": None, "threads": 2}))
    lines = [train_line(step, G_A=1.0, D_A=0.2) for step in range(100, 1300, 100)]
    write_metrics(folder, *lines, evaluation_line(600, AtoB={**ATOB, "l1": 25.0}), evaluation_line(1200, AtoB=ATOB))
    columns = {title: torch.zeros(2, 3, 16, 16) for title in ("input", "output", "back again", "truth")}
    for step in (600, 1200):
        write_sheet(folder, step, "AtoB", columns)
        write_sheet(folder, step, "BtoA", dict(list(columns.items())[:3]))
    return folder


def test_the_page_describes_the_run(run):
    page = page_of(run)
    for expected in (
        "cyclegan with resnet9 on sample:flat-3d",
        "1,200 of 2,000",
        "5 min 48 s",
        "patch70 + pixel",
        "lsgan",
        "base_channels: 32",
        "2.13.0",
        "back again",
        "A → B",
        "i2i run --resume",
    ):
        assert expected in page.text


def test_numbers_stand_below_what_images_are_held_out_by(run):
    line = {**evaluation_line(1200, AtoB=ATOB), "held_out_by": "group (data.group='^(?P<n>.)')"}
    write_metrics(run, line)
    assert "Held out by group (data.group='^(?P<n>.)')." in page_of(run).text
    write_metrics(run, {**line, "held_out_by": 7})
    assert "Held out by" not in page_of(run).text


def test_numbers_stand_beside_the_baseline_with_an_honest_reading(run):
    page = page_of(run)
    for number in ("18.04", "14.50", "17.25 dB", "16.10 dB", "0.7614", "0.7000", "40 images"):
        assert number in page.text
    assert (
        "L1 18.04: worse than leaving the input unchanged (14.50); "
        "PSNR 17.25 dB: better than leaving the input unchanged (16.10 dB), and so is SSIM."
    ) in page.text
    assert "Generator losses" in page.text
    assert "L1, 0 to 255, lower is better" in page.text


def test_the_reading_compares_with_the_best_of_what_needs_no_network(run):
    fitted = {"constant_l1": 20.8, "colour_fit_l1": 15.0, "identity_l1": 123.0, "colour_fit_psnr": 20.0}
    write_metrics(run, train_line(5, G=1.0), evaluation_line(5, AtoB={"l1": 17.2, "psnr": 19.0, **fitted}))
    page = page_of(run)
    assert (
        "L1 17.20: worse than fitting the colours alone (15.00), and so is PSNR. "
        "The model does no better than what needs no network."
    ) in page.text
    assert "output input unchanged one colour colour fit" in page.text
    assert "17.20 123.00 20.80 15.00" in page.text
    write_metrics(run, train_line(5, G=1.0), evaluation_line(5, AtoB={**fitted, "l1": 14.0, "psnr": 19.0}))
    assert "PSNR 19.00 dB: worse than fitting the colours alone (20.00 dB)." in page_of(run).text


@pytest.mark.parametrize(
    ("values", "reading"),
    [
        ({"l1": 14.502, "identity_l1": 14.498}, "L1 14.50: no different from leaving the input unchanged (14.50). The"),
        ({"l1": 18.0}, ""),
        ({"cycle_l1": 4.2}, "The true translations are not known: judge by the samples."),
    ],
)
def test_readings_claim_no_more_than_was_measured(run, values, reading):
    write_metrics(run, train_line(5, G=1.0), evaluation_line(5, AtoB=values))
    text = page_of(run).text
    assert reading in text
    assert ("leaving the input unchanged" in text) == ("leaving" in reading)


def test_unknown_truth_is_said(run):
    write_metrics(run, train_line(5, G=1.0), evaluation_line(5))
    assert "nothing to measure against" in page_of(run).text


def test_sheets_show_the_latest_step_and_offer_all(run):
    page = page_of(run)
    images = page.all("img")
    assert [image["src"] for image in images] == [f"samples/{way}/step-00001200.png" for way in ("AtoB", "BtoA")]
    assert all((run / image["src"]).is_file() and image["alt"] for image in images)
    steps = json.loads(page.all("input")[0]["data-steps"])
    assert [entry["step"] for entry in steps] == [600, 1200]
    assert all((run / entry["source"]).is_file() for entry in steps)
    assert (images[0]["width"], images[0]["height"]) == (str(4 * 192 + 3 * 8), str(2 * 192 + 8))


def test_nothing_is_asked_of_the_network(run):
    page = page_of(run)
    html = (run / "index.html").read_text(encoding="utf-8")
    assert not re.search(
        r"http|//[a-z]|@import|url\((?!#)", html.replace("http-equiv", "").replace("// The slider", "")
    )
    for _, attributes in page.elements:
        for name in ("src", "href"):
            address = attributes.get(name, "")
            assert address.startswith("#") or address == "" or (run / unquote(address)).exists()


def test_hostile_names_are_shown_not_run(run):
    evil = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"
    (run / "config.yaml").write_text(json.dumps({"method": {"name": evil}, "data": {"root": evil}, "generator": evil}))
    (run / "environment.json").write_text(json.dumps({evil: evil}))
    write_metrics(run, train_line(1, **{evil: 1.0}), evaluation_line(1, **{evil: {**ATOB, evil: 3.0}}))
    write_sheet(run, 7, "it's 100% <b>\"#?", {evil: torch.zeros(1, 3, 16, 16)})
    page = page_of(run)
    assert len(page.all("script")) == 1
    assert all("onerror" not in image for image in page.all("img"))
    assert not page.all("b")
    assert evil in page.text
    assert all((run / unquote(image["src"])).is_file() for image in page.all("img"))


def test_a_line_cut_off_by_a_crash_is_named_and_the_rest_used(run):
    write_metrics(run, train_line(100, G=1.0), tail='{"kind": "train", "step": 2')
    text = page_of(run).text
    assert "1 line of metrics.jsonl could not be read and was left out." in text
    assert "100 of 2,000" in text


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        "null",
        '"x"',
        "{}",
        '{"kind": "train"}',
        '{"kind": "train", "step": "9"}',
        '{"kind": [], "step": 1}',
        "\ufffd",
    ],
)
def test_lines_of_another_shape_are_counted(run, line):
    write_metrics(run, train_line(100, G=1.0), tail=f"{line}\n{line}\n")
    assert "2 lines of metrics.jsonl could not be read and were left out." in page_of(run).text


@pytest.mark.parametrize(
    "line",
    [
        '{"kind": "train", "step": 9}',
        '{"kind": "train", "step": 9, "losses": [1], "epoch": "x", "seconds": null, "images_per_second": "fast"}',
        '{"kind": "train", "step": 9, "losses": {"G": NaN, "D": "x"}, "seconds": Infinity}',
        '{"kind": "evaluation", "step": 9}',
        '{"kind": "evaluation", "step": 9, "directions": {"AtoB": 3, "BtoA": {"l1": null, "psnr": Infinity}}}',
        '{"kind": "evaluation", "step": 9, "images": NaN, "directions": {"AtoB": {"l1": NaN, "identity_l1": 1}}}',
        '{"kind": "something later", "step": 9}',
    ],
)
def test_odd_values_do_not_stop_the_page(run, line):
    write_metrics(run, tail=line + "\n")
    assert "cyclegan" in page_of(run).text


def test_a_psnr_that_json_cannot_hold_is_infinite(run):
    values = '{"AtoB": {"l1": 0.0, "psnr": null, "identity_l1": 9.0, "identity_psnr": 20.0, "images": 2}}'
    write_metrics(run, tail=f'{{"kind": "evaluation", "step": 9, "images": 2, "directions": {values}}}\n')
    assert "\u221e dB" in page_of(run).text


def test_the_title_names_the_folder_of_the_images_without_its_path(run):
    (run / "config.yaml").write_text("method: {name: pix2pix}\ndata: {root: /mnt/ada/photos}\n")
    assert "pix2pix on photos" in page_of(run).text


def test_domains_and_run_are_called_what_a_person_calls_them(run):
    config = CONFIG.replace("name: folders}", "name: folders, name_A: satellite, name_B: relief, direction: BtoA}")
    (run / "config.yaml").write_text(config.replace("steps: 2000", "steps: 2000, title: Alps in relief"))
    page = page_of(run)
    assert page.text.count("Alps in relief") >= 2
    assert "relief \u2192 satellite" in page.text
    assert "A \u2192 B" not in page.text


def test_steps_repeated_after_a_resume_count_once(run):
    write_metrics(run, train_line(100, G=1.0), train_line(200, G=9.0), train_line(100, G=1.0), train_line(200, G=2.0))
    (panel,) = [attributes for attributes in page_of(run).all("figure") if "aria-label" in attributes]
    assert panel["aria-label"] == "Generator losses, steps 100 to 200: G from 1 to 2."


def test_an_empty_folder_has_a_page(tmp_path):
    page = page_of(tmp_path)
    text = page.text
    assert not page.all("a")
    for expected in ("No training step", "No samples", "Nothing has been measured", "Nothing has been logged"):
        assert expected in text
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


def test_damaged_files_are_named(run):
    (run / "config.yaml").write_text("a: [")
    (run / "environment.json").write_text("{")
    (run / "samples" / "AtoB" / "columns.json").write_text('{"titles": ["input"]')
    text = page_of(run).text
    for name in (
        "config.yaml is not YAML: line 1",
        "environment.json is not JSON",
        "samples/AtoB/columns.json could not",
    ):
        assert name in text
    assert "a: [" in text


def test_the_picture_stands_in_for_missing_sheets(tmp_path):
    write_picture(tmp_path / "picture.png", {"input": torch.zeros(1, 3, 16, 16)})
    assert page_of(tmp_path).all("img")[0]["src"] == "picture.png"


def test_the_command_to_go_on_survives_the_shell(tmp_path, monkeypatch):
    folder = tmp_path / "my run; rm"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    assert "i2i run --resume 'my run; rm'" in page_of(folder).text


def test_no_such_folder(tmp_path):
    with pytest.raises(RunFolderError, match="nowhere"):
        write_page(tmp_path / "nowhere", TABLE)


def test_names_neither_turn_the_page_around_nor_break_it(tmp_path):
    import os

    folder = tmp_path / "run\u202egnp"
    folder.mkdir()
    config = CONFIG.replace("'sample:flat-3d'", r'"a\u202e\x1b[31m\uDCFF"')
    (folder / "config.yaml").write_text(config)
    html = write_page(folder, TABLE).read_bytes().decode()
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert "run\\u202egnp" in html
    if os.name == "posix":
        odd = tmp_path / os.fsdecode(b"run\xff")
        odd.mkdir()
        assert r"run\udcff" in write_page(odd, TABLE).read_bytes().decode()


def test_a_plugins_metric_is_written_as_its_spec_says_and_under_its_stored_name_once_the_package_is_gone(tmp_path):
    spec = MetricSpec(
        name="oak", title="Oak", family="pairs", better="higher", unit="m", digits=1, summary="a tree", build=len
    )
    line = {"kind": "evaluation", "step": 1, "images": 2, "directions": {"AtoB": {"oak": 7.25, "identity_oak": 6.0}}}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    html = write_page(tmp_path, table_of(plugins_with(spec))).read_text()
    assert "Oak 7.2 m: better than leaving the input unchanged (6.0 m)." in html
    assert "a tree; higher is better" in html
    gone = write_page(tmp_path, TABLE).read_text()
    assert "oak" in gone
    assert "7.25" in gone
