"""Uses the page as people do, in headless Chromium: from the disk with the network off, and from `shuzi serve`.

usage: check_page.py SHUZI PICTURES_FOLDER OUT

Draws with mouse, finger and keyboard, drops photos, switches network, language and theme, trains; compares what the page, the
server and the program read in the pictures; lets axe-core look for what people who cannot see would miss. Says how large and how
quick the page is, and fails if it is too large; how quick depends on the machine. Screenshots go to OUT.
"""

import http.server
import importlib.util
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

shuzi, pictures, out = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
PICTURES = sorted(pictures.glob("*.png"))
AXE = pathlib.Path(importlib.util.find_spec("axe_playwright_python").origin).with_name("axe.min.js").read_text()
# Units of the pad, which is 800 wide.
THREE = [(300, 150), (360, 110), (440, 130), (440, 190), (370, 230), (440, 250), (460, 320), (400, 380), (310, 350)]
ONE = [(600, 140), (600, 260), (600, 380)]
SCRIBBLE = [(100, 100), (500, 300), (120, 300), (480, 90), (250, 400), (300, 60), (520, 350), (90, 220), (400, 80), (150, 380)]
PATIENCE = 60  # seconds for anything
MOST_BYTES = 350_000  # of page, code and default network, compressed
# Notes in the page when it is ready, from each press on the pad to its answer, and from frame to frame, in milliseconds.
STOPWATCH = """
    const took = (window.took = { ready: 0, answers: [], frames: [] });
    let pressed = 0, shown = 0;
    const frame = (now) => {
        took.frames.push(now - shown);
        shown = now;
        requestAnimationFrame(frame);
    };
    const watch = (element, then, what) => new MutationObserver(then).observe(element, what);
    addEventListener("pointerdown", () => (pressed = performance.now()), true);
    addEventListener("DOMContentLoaded", () => {
        watch(document.documentElement, () => (took.ready ||= performance.now()), { attributeFilter: ["data-ready"] });
        watch(document.getElementById("time"), () => took.answers.push(performance.now() - pressed), { childList: true });
        requestAnimationFrame(frame);
    });
"""
# Counts the workers that live, and lets no question for a picture through while `readsNothing` is set: it is read for ever.
WATCHED_WORKERS = """
    window.liveWorkers = 0;
    window.Worker = class extends Worker {
        constructor(...values) {
            super(...values);
            window.liveWorkers += 1;
        }
        terminate() {
            super.terminate();
            window.liveWorkers -= 1;
        }
        postMessage(message, transfer) {
            if (!window.readsNothing || message.call !== "read") super.postMessage(message, transfer);
        }
    };
"""
# Files with these names and nothing sensible in them.
DROP = """
const dataTransfer = new DataTransfer();
for (const name of arguments[0]) dataTransfer.items.add(new File(["hello, world"], name));
document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
"""


def until(what, condition):
    """Waits for what `condition` gives, once that is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited for: {what}")


class Page:
    """The page in a browser of its own."""

    def __init__(self, url, size=(1280, 1000), phone=False, prelude="", refused=False):
        self.refused = refused  # what the server refuses is said in the console
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--lang=en", "--window-size=%d,%d" % size):
            options.add_argument(argument)
        if phone:
            options.add_experimental_option("mobileEmulation", {"deviceMetrics": {"width": 360, "height": 640, "pixelRatio": 2, "touch": True}})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        self.touches = phone
        if url.startswith("file:"):
            self.driver.execute_cdp_cmd("Network.enable", {})
            offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
            self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": prelude})
        self.driver.get(url)
        until("the network is loaded", lambda: self.script("return document.documentElement.dataset.ready === 'true'"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        messages = [entry["message"] for entry in self.driver.get_log("browser")]
        if self.refused:
            messages = [message for message in messages if "503" not in message]
        self.driver.quit()
        assert not messages, f"the console says {messages}"

    def script(self, text, *values):
        return self.driver.execute_script(text, *values)

    def find(self, name):
        return self.driver.find_element(By.ID, name)

    def click(self, name):
        self.find(name).click()

    def draw(self, points):
        """A stroke, by finger on a phone, else by mouse."""
        pad = self.find("pad")
        until("the pad is shown", pad.is_displayed)  # a network of one's own is loaded first
        self.script("arguments[0].scrollIntoView({ block: 'center' })", pad)
        place = self.script("const r = arguments[0].getBoundingClientRect(); return [r.left, r.top, r.width / 800]", pad)
        actions = ActionBuilder(self.driver, mouse=PointerInput("touch" if self.touches else "mouse", "pointer"), duration=20)
        pointer = actions.pointer_action
        for index, (x, y) in enumerate(points):
            pointer.move_to_location(int(place[0] + x * place[2]), int(place[1] + y * place[2]))
            if index == 0:
                pointer.pointer_down()
        pointer.pointer_up()
        actions.perform()

    def reads(self, text, name="answer"):
        until(f"{text!r} in {name}, which is {self.find(name).text!r}", lambda: self.find(name).text.strip() == text)

    def found(self, name):
        return json.loads(until(f"an answer in {name}", lambda: self.find(name).get_attribute("data-found")))

    def look(self, name):
        time.sleep(0.4)  # for what is drawn behind the answer
        self.driver.save_screenshot(str(out / f"{name}.png"))

    def has_no_barrier(self, where):
        """axe-core finds nothing serious."""
        self.script(AXE)
        result = self.driver.execute_async_script("const done = arguments[0]; axe.run().then(done)")
        serious = [v for v in result["violations"] if v["impact"] in ("serious", "critical")]
        told = [(v["id"], [node["html"][:120] for node in v["nodes"]]) for v in serious]
        assert not serious, f"{where}: {told}"


def draws(url):
    with Page(url) as page:
        page.reads("")
        page.draw(THREE)
        page.reads("3")
        page.has_no_barrier("draw")
        page.draw(ONE)
        page.reads("31")
        page.look("desktop-light-en")
        page.click("undo")
        page.reads("3")
        page.click("eraser")
        page.draw(THREE)
        page.reads("no digit")
        page.click("eraser")
        page.click("clear")
        page.draw(SCRIBBLE)
        page.reads("no digit")
        page.click("clear")
        page.reads("")
        for model in ("classic", "tiny", "small", "photo"):
            Select(page.find("model")).select_by_value(model)
            until(model, lambda: page.script("return document.documentElement.dataset.model") == model)
            page.draw(THREE)
            page.reads("3")
            if model == "classic":
                network = page.find("network")
                until("its drawing", lambda: network.get_property("width") != 300)
                page.script("arguments[0].scrollIntoView({ block: 'center' })", network)
                ActionChains(page.driver).move_to_element_with_offset(network, network.rect["width"] // 2 - 110, 0).perform()
                until("a neuron's value", lambda: "layer 3" in page.find("neuron").text)
                page.look("desktop-network")
            page.click("clear")
            page.reads("")
        page.click("language")
        assert page.find("tab-draw").text == "手写"
        page.draw(SCRIBBLE)
        page.reads("没有数字")
        page.click("theme")
        page.has_no_barrier("draw, dark, Chinese")
        page.click("clear")
        page.draw(THREE)
        page.reads("3")
        page.look("desktop-dark-zh")


def draws_by_keyboard(url):
    with Page(url) as page:
        pad = page.find("pad")
        page.script("arguments[0].focus()", pad)
        right, down, up = Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_UP
        pad.send_keys(up * 8 + " " + right * 9 + down * 17 + " ")  # a 7 with a straight leg
        page.reads("7")
        pad.send_keys(Keys.CONTROL + "z")
        page.reads("")


def draws_by_finger(url):
    with Page(url, phone=True) as page:
        page.draw([(x, y + 60) for x, y in THREE])
        page.reads("3")
        page.has_no_barrier("draw on a phone")
        for tab in ("photo", "train", "draw"):
            page.click(f"tab-{tab}")
            assert page.script("return scrollX === 0 && document.documentElement.scrollWidth <= 360"), f"{tab}: nothing sticks out"
        page.script("scrollTo(0, 0)")
        page.look("phone-light-en")
        page.click("language")
        page.click("theme")
        page.script("scrollTo(0, 0)")
        page.look("phone-dark-zh")


def says_what_it_cannot_use(url):
    with Page(url) as page, tempfile.TemporaryDirectory() as folder:
        problem = page.find("problem")
        networks = [option.text for option in Select(page.find("model")).options]
        for name, wants in (("broken.safetensors", "model-file"), ("text.png", "file")):
            file = pathlib.Path(folder, name)
            file.write_text("hello")
            page.find(wants).send_keys(str(file))
            until(f"what is wrong with {name}", lambda: problem.is_displayed() and name in problem.text)
            assert [option.text for option in Select(page.find("model")).options] == networks
        page.click("tab-train")
        assert not problem.is_displayed(), "what was wrong elsewhere"
        page.script(DROP, ["train-images-idx3-ubyte"])
        until("that three are missing", lambda: "four files" in page.find("learns").text)
        names = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
        page.script(DROP, names)
        until("that all are there", lambda: page.find("learns").text == "")
        page.click("go")
        until("that they are none", lambda: "magic number" in page.find("learns").text)
        page.click("tab-draw")
        page.draw(THREE)
        page.reads("3")


def recovers(server):
    """After a load that failed nothing is left running, and the next one works."""
    with Page(server.url, prelude=WATCHED_WORKERS, refused=True) as page, tempfile.TemporaryDirectory() as folder:
        live = lambda count: until(f"{count} workers", lambda: page.script("return window.liveWorkers") == count)
        live(1)
        broken, arrays = pathlib.Path(folder, "broken.safetensors"), pathlib.Path(folder, "arrays.npz")
        broken.write_text("hello")
        subprocess.run([shuzi, "export", "classic", "--to", "npz", "--out", arrays, "--quiet"], check=True)
        for _ in range(2):
            page.find("model-file").send_keys(str(broken))
            until("what is wrong", lambda: broken.name in page.find("problem").text)
            live(1)
            page.script("document.getElementById('problem').textContent = ''")
        page.draw(THREE)
        page.reads("3")
        page.find("model-file").send_keys(str(arrays))  # which the small reader does not know
        until("the network", lambda: page.script("return document.documentElement.dataset.model") == "own")
        live(1)
        page.reads("3")

        server.refused.update(["/tiny.safetensors", "/full.wasm"])
        Select(page.find("model")).select_by_value("tiny")
        until("that it is not there", lambda: page.find("problem").is_displayed())
        page.click("tab-train")
        for _ in range(2):
            page.click("go")
            until("that nothing can be trained", lambda: "503" in page.find("learns").text)
            live(1)
            page.script("document.getElementById('learns').textContent = ''")
        server.refused.clear()
        page.click("go")
        until("a training", lambda: page.find("accuracy-now").text)
        live(2)
        page.click("stop")
        Select(page.find("model")).select_by_value("tiny")
        until("the network", lambda: page.script("return document.documentElement.dataset.model") == "tiny")
        live(2)


def cancels(url):
    with Page(url, prelude=WATCHED_WORKERS) as page:
        page.click("tab-photo")
        for language in ("en", "zh"):
            page.script("window.readsNothing = true")
            page.find("file").send_keys(str(PICTURES[0]))
            cancel = page.find("cancel")
            until("that it can be cancelled", cancel.is_displayed)
            assert cancel.text == {"en": "Cancel", "zh": "取消"}[language]
            page.look(f"cancel-{language}")
            page.has_no_barrier("a picture that is being read")
            cancel.click()
            page.script("window.readsNothing = false")
            assert not cancel.is_displayed() and not page.find("picture").is_displayed()
            page.find("file").send_keys(str(PICTURES[0]))
            page.found("photo-answer")
            assert page.script("return window.liveWorkers") == 1
            assert not cancel.is_displayed() and not page.find("problem").is_displayed()
            page.click("language")
        # Another picture, and another network, do not wait for it either.
        page.script("window.readsNothing = true; document.getElementById('photo-answer').dataset.found = ''")
        page.find("file").send_keys(str(PICTURES[0]))
        until("that it can be cancelled", page.find("cancel").is_displayed)
        page.script("window.readsNothing = false")
        Select(page.find("model")).select_by_value("small")
        page.found("photo-answer")
        page.click("tab-draw")
        page.draw(THREE)
        page.reads("3")
        assert page.script("return window.liveWorkers") == 1


def trains(url):
    with Page(url) as page:
        page.click("tab-train")
        page.has_no_barrier("train")
        page.click("go")
        share = lambda: float(page.find("accuracy-now").text.rstrip(" %") or 0)
        until("more than 90 % read right", lambda: share() > 90)
        page.click("stop")
        until("it has stopped", lambda: page.find("draw-on-it").is_enabled())
        page.look("train")
        page.click("draw-on-it")
        page.draw(THREE)
        page.reads("3")
        assert page.find("model").get_attribute("value") == "own"


def reads_photos_as_the_program_does(url, server):
    def by_program(*options):
        command = [shuzi, "recognize", "--json", "--quiet", *options, *PICTURES]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        return [json.loads(line) for line in lines]

    # The page reads digit by digit, as the program does with the model's file; the server reads lines as a whole, as the program does.
    model = pathlib.Path(__file__).parent.parent / "crates/shuzi/models/photo.safetensors"
    by_digits, by_lines = by_program("--model", str(model)), by_program()
    with Page(url) as page:
        for picture, expected, expected_of_server in zip(PICTURES, by_digits, by_lines, strict=True):
            page.script("document.getElementById('photo-answer').dataset.found = ''")
            page.find("file").send_keys(str(picture))
            compare(picture.name, expected, page.found("photo-answer"))
            if server:
                request = urllib.request.Request(f"{server}/api/recognize", picture.read_bytes(), {"Content-Type": "image/png"})
                with urllib.request.urlopen(request) as answer:
                    compare(picture.name, expected_of_server, json.load(answer))
        page.script("document.getElementById('steps').open = true")
        page.has_no_barrier("photo")
        page.look("photo")


def is_small_and_quick(url):
    ready, answers, readings, frames = [], [], [], []
    for _ in range(8):
        with Page(url, prelude=STOPWATCH) as page:
            ready.append(page.script("return took.ready"))
            page.draw(THREE)
            page.reads("3")
            page.draw(ONE)
            page.reads("31")
            for _ in range(30):
                page.script("took.answers = []")
                page.draw(ONE[:1])  # where there is ink already: the picture stays the same
                answers.append(until("an answer", lambda: page.script("return took.answers[0]")))
                readings.append(float(re.search(r"[\d.]+", page.find("time").text)[0]))
            page.script("took.frames = []")
            page.draw(SCRIBBLE)
            frames += page.script("return took.frames")
    files = page_files(url)
    told = ", ".join(f"{name} {size / 1000:.1f}" for name, size in files.items())
    print(f"  {sum(files.values()) / 1000:.0f} kB compressed: {told}")
    print(f"  ready after {spread(ready)} ms, a frame every {spread(frames)} ms while drawing")
    print(f"  an answer {spread(answers)} ms after the pen is put down, {spread(readings)} ms of them reading")
    assert sum(files.values()) <= MOST_BYTES, "the page is too large"


def page_files(url):
    """The files that the page loads before it reads, and their compressed sizes."""
    with Page(url) as page:
        names = page.script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    sizes = {}
    for name in [url, *names]:
        if name.startswith(url):
            request = urllib.request.Request(name, headers={"Accept-Encoding": "br"})
            with urllib.request.urlopen(request) as answer:
                sizes[name.removeprefix(url)] = len(answer.read())
    return sizes


def spread(values):
    """The median, and what one in twenty exceeds."""
    values = sorted(values)
    return f"{values[len(values) // 2]:.1f} (95 %: {values[len(values) * 95 // 100]:.1f})"


def compare(name, expected, found):
    assert found["text"] == expected["text"], f"{name}: {found['text']} and {expected['text']}"
    for a, b in zip(found["digits"], expected["digits"], strict=True):
        assert (a["digit"], a["box"], a["rejected"]) == (b["digit"], b["box"], b["rejected"]), f"{name}: {a} and {b}"
        far = max(abs(p - q) for p, q in zip(a["probabilities"], b["probabilities"], strict=True))
        assert far < 1e-4, f"{name}: probabilities {far} apart"


class StaticServer:
    """Serves a folder's files, but for those in `refused`."""

    def __init__(self, folder):
        refused = self.refused = set()

        class Quiet(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments, **named):
                super().__init__(*arguments, directory=folder, **named)

            def do_GET(self):
                if self.path in refused:
                    self.send_error(503)
                else:
                    super().do_GET()

            def end_headers(self):
                self.send_header("Cache-Control", "no-store")  # or nothing would be asked for again
                super().end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}/index.html"


def main():
    assert PICTURES, "no picture to compare with"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([shuzi, "page", "--out", folder, "--quiet"], check=True)
        disk = pathlib.Path(folder, "shuzi.html").as_uri()
        serve = subprocess.Popen([shuzi, "serve", "--port", "0", "--quiet"], stdout=subprocess.PIPE, text=True)
        server = next(word for word in serve.stdout.readline().split() if word.startswith("http")).rstrip("/.")
        try:
            for name, check in (
                ("from the disk, offline: draw", lambda: draws(disk)),
                ("by keyboard", lambda: draws_by_keyboard(disk)),
                ("by finger", lambda: draws_by_finger(disk)),
                ("bad files", lambda: says_what_it_cannot_use(disk)),
                ("train", lambda: trains(disk)),
                ("a load that fails", lambda: recovers(StaticServer(folder))),
                ("a picture that takes too long", lambda: cancels(disk)),
                ("from static files: draw", lambda: draws(StaticServer(folder).url)),
                ("from the server: draw", lambda: draws(server)),
                ("small and quick", lambda: is_small_and_quick(server)),
                ("page, server and program read the same", lambda: reads_photos_as_the_program_does(server, server)),
            ):
                check()
                print(f"{name}: fine", flush=True)
        finally:
            serve.terminate()
            assert serve.wait(PATIENCE) == 0, "the server ends in peace"


main()
