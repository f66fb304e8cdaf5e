//! The page of `claims report` in a real browser: what it shows, in both schemes and on a narrow screen, and whether everybody can read it.
//!
//! A machine without Chromium passes, and says so. `PENNYDROP_BROWSER` names another browser of its family.

use crate::call;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell"];

/// What asks a page: it stands in frames of two widths, and the answer is the text of the body.
const PROBE: &str = r#"
const light = c => {
  const m = c.match(/[\d.]+/g).map(Number).slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * m[0] + 0.7152 * m[1] + 0.0722 * m[2];
};
const clear = c => c === 'transparent' || /, 0\)$/.test(c);
function behind(e, win) {
  for (let p = e; p; p = p.parentElement) {
    const c = win.getComputedStyle(p).backgroundColor;
    if (!clear(c)) return c;
  }
  return 'rgb(255, 255, 255)';
}
function ask(frame) {
  const win = frame.contentWindow, doc = frame.contentDocument, all = [...doc.querySelectorAll('body *')];
  const own = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  let contrast = 99, faint = '', letters = 99, overlaps = [];
  for (const e of all.filter(own)) {
    if (['SCRIPT', 'STYLE', 'title'].includes(e.tagName)) continue;
    const s = win.getComputedStyle(e), a = light(e.ownerSVGElement ? s.fill : s.color), b = light(behind(e, win));
    const c = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (c < contrast) { contrast = c; faint = e.tagName + '.' + e.getAttribute('class') + ' ' + e.textContent.slice(0, 40); }
  }
  for (const svg of doc.querySelectorAll('svg')) {
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    const texts = [...svg.querySelectorAll('text')], boxes = texts.map(t => t.getBoundingClientRect());
    for (const t of texts) letters = Math.min(letters, parseFloat(win.getComputedStyle(t).fontSize) * scale);
    boxes.forEach((p, i) => boxes.forEach((q, j) => {
      if (i < j && p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 3 && q.top < p.bottom - 3) overlaps.push(texts[i].textContent + ' / ' + texts[j].textContent);
    }));
    const whole = svg.getBoundingClientRect();
    boxes.forEach((p, i) => { if (p.right > whole.right + 1 || p.left < whole.left - 1) overlaps.push(texts[i].textContent + ' / the edge'); });
  }
  const skip = doc.querySelector('a.skip');
  skip.focus();
  return {
    name: frame.dataset.name, width: frame.clientWidth, dark: win.matchMedia('(prefers-color-scheme: dark)').matches,
    articles: doc.querySelectorAll('article').length, overflow: doc.documentElement.scrollWidth - frame.clientWidth,
    contrast, faint, letters, overlaps, skip: skip.getBoundingClientRect().left,
    unreachable: all.filter(e => e.scrollWidth > e.clientWidth + 1 && win.getComputedStyle(e).overflowX === 'auto' && e.tabIndex < 0).length,
    scrolling: all.filter(e => e.scrollWidth > e.clientWidth + 1 && win.getComputedStyle(e).overflowX === 'auto').length,
    unnamed: [...doc.querySelectorAll('svg')].filter(s => s.getAttribute('role') !== 'img' || !s.getAttribute('aria-label') || !s.closest('figure').querySelector('figcaption')).length,
    panels: doc.querySelectorAll('figure.panel').length, dead: [...doc.querySelectorAll('a')].filter(a => !doc.getElementById(a.getAttribute('href').slice(1))).length,
  };
}
console.error('the probe can be heard');
addEventListener('load', () => { document.body.textContent = 'ANSWER' + JSON.stringify([...document.querySelectorAll('iframe')].map(ask)) + 'END'; });
for (const [name, html] of pages) for (const width of [1000, 400]) {
  const f = document.createElement('iframe');
  f.dataset.name = name; f.style.width = width + 'px'; f.style.height = '2000px'; f.style.border = '0'; f.srcdoc = html;
  document.body.append(f);
}
"#;

fn browser() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("PENNYDROP_BROWSER") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).flat_map(|folder| BROWSERS.map(|b| folder.join(b))).find(|b| b.is_file())
}

/// What the browser wrote, stdout and stderr.
fn look(browser: &Path, profile: &Path, dark: bool, more: &[String]) -> (String, String) {
    let (out, err) = (profile.join("out"), profile.join("err"));
    let file = |p: &Path| Stdio::from(fs::File::create(p).unwrap());
    fs::create_dir_all(profile).unwrap();
    let mut command = Command::new(browser);
    // In a container there is neither a sandbox nor much shared memory.
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--enable-logging=stderr"]);
    command.arg(format!("--user-data-dir={}", profile.join("profile").display()));
    command.arg(format!("--blink-settings=preferredColorScheme={}", if dark { 0 } else { 1 })).args(more);
    let mut child = command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err)).spawn().unwrap();
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            panic!("the browser did not end: {}", fs::read_to_string(&err).unwrap_or_default());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let read = |p: &Path| String::from_utf8_lossy(&fs::read(p).unwrap()).into_owned();
    (read(&out), read(&err))
}

/// Different colours of a picture, and its mean lightness out of 255.
fn colours(path: &Path) -> (usize, f64) {
    let mut reader = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap())).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let pixels: Vec<&[u8]> = bytes[..info.buffer_size()].chunks_exact(info.color_type.samples()).collect();
    let mean = pixels.iter().map(|p| f64::from(p[0]) + f64::from(p[1]) + f64::from(p[2])).sum::<f64>() / (3.0 * pixels.len() as f64);
    let mut all: Vec<&[u8]> = pixels;
    all.sort_unstable();
    all.dedup();
    (all.len(), mean)
}

/// A small ledger with results: every mark and every layout that a picture has.
fn synthetic(claims: &Path) {
    let experiment = "[experiment]\nabout = \"a small network\"\nmeasure = [\"norm@t_mem\"]\ncheck = []\nf64 = [\"seed=0\"]\ncost_core_hours = 0.1\n[sweep]\nbase = \"norm-clamp-mlp\"\nseeds = 4\nwords = [\"clamp.factor=0.85,1,1.3\", \"optim.lr=1e-3,2e-3\"]\n";
    let part = |name: &str, statistic: &str, published: &str| {
        format!("[[part]]\nname = \"{name}\"\nexperiment = \"small\"\nstatistic = {{ {statistic} }}\n{published}\n")
    };
    let mut claim = String::from(
        "paper = \"somebody\"\nnumber = \"1\"\nplace = \"Table 1\"\nclaim = \"A larger norm takes longer, whatever the rate.\"\nkind = \"number\"\ngeneralising = \"delayed generalisation\"\n\
         strength = \"direct\"\nsetting = \"a small network\"\n[[ambiguity]]\nwhat = \"the first values\"\nresolved = \"ours\"\nmatters = \"little\"\n",
    );
    for (factor, published) in [("0.85", 300), ("1", 900), ("1.3", 4000)] {
        let statistic = format!("name = \"time\", of = \"t_grok\", where = {{ \"clamp.factor\" = {factor}, \"optim.lr\" = 0.001 }}");
        claim += &part(&format!("median T_grok at {factor}"), &statistic, &format!("published = {published}"));
    }
    claim += &part("norm at t_mem", "name = \"value\", of = \"norm@t_mem\", where = { \"clamp.factor\" = 1, \"optim.lr\" = 0.001 }", "published = 30");
    claim += &part("T_grok follows the norm", "name = \"fit\", of = \"t_grok\", on = [\"ln norm@t_mem\"], each = \"run\"", "published = 0.95");
    let mut csv = String::from(
        "# schema: pennydrop.claim-runs/1\n# scope: reduced\nrun_id,clamp.factor,optim.lr,seed_init,seed_split,seed_batch,seed_noise,steps,budget,stop,t_mem,t_grok,wall_s,precision,norm@t_mem\n",
    );
    for (i, (factor, rate, seed, twin)) in
        ["0.85", "1", "1.3"].iter().flat_map(|f| ["0.001", "0.002"].map(|r| (*f, r))).flat_map(|(f, r)| (0..5).map(move |s| (f, r, s % 4, s == 4))).enumerate()
    {
        let k = factor.parse::<f64>().unwrap();
        let norm = 30.0 * k + 0.4 * f64::from(seed);
        let t = (1000.0 * k.powi(6) * (1.0 + 0.1 * f64::from(seed)) / if rate == "0.002" { 2.0 } else { 1.0 }) as u64;
        let (grok, steps, stop) = if t > 5500 { (String::new(), 6000, "steps") } else { (t.to_string(), t + 100, "grokked") };
        let precision = if twin { "f64" } else { "f32" };
        csv += &format!("{i:016x},{factor},{rate},{seed},{seed},0,0,{steps},6000,{stop},{},{grok},3.0,{precision},{norm}\n", 100 + seed);
    }
    for (path, text) in [("experiments/small.toml", experiment.to_string()), ("experiments/small.csv", csv), ("somebody/1.toml", claim)] {
        let path = claims.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn the_page_is_whole_in_a_browser() {
    let Some(browser) = browser() else {
        eprintln!("NOT TESTED: the page of `claims report` in a browser, for there is none: install chromium, or name one by PENNYDROP_BROWSER");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    synthetic(&at.join("small"));
    // Without a folder of claims where it runs, the command takes the committed ledger.
    for words in [&["claims", "report", "-o", "committed"][..], &["claims", "report", "--claims", "small", "-o", "synthetic"]] {
        let ran = call(at, words);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    let page = |name: &str| fs::read_to_string(at.join(name).join("index.html")).unwrap();
    let claims = |name: &str| {
        let list: Value = serde_json::from_str(&fs::read_to_string(at.join(name).join("claims.json")).unwrap()).unwrap();
        list["claims"].as_array().unwrap().len()
    };
    let names = ["committed", "synthetic"];
    let pages = json!(names.map(|n| [n.to_string(), page(n)])).to_string().replace("</", "<\\/");
    let probe = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\"><body><script>const pages = {pages};{PROBE}</script>"
    );
    fs::write(at.join("probe.html"), probe).unwrap();
    let url = |path: PathBuf| format!("file://{}", path.display());
    for dark in [false, true] {
        let profile = at.join(format!("browser-{dark}"));
        let (dom, heard) = look(&browser, &profile, dark, &["--dump-dom".into(), "--virtual-time-budget=10000".into(), url(at.join("probe.html"))]);
        let answer = dom.split_once("ANSWER").and_then(|d| d.1.split_once("END")).unwrap_or_else(|| panic!("no answer: {heard}")).0;
        // The dump escapes what a text holds.
        let answer: Value = serde_json::from_str(&answer.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).unwrap();
        assert!(heard.contains("the probe can be heard"), "the browser's console is not heard: {heard}");
        assert_eq!(answer.as_array().unwrap().len(), 4, "{answer}");
        for a in answer.as_array().unwrap() {
            let name = a["name"].as_str().unwrap();
            assert_eq!((&a["dark"], &a["articles"]), (&json!(dark), &json!(claims(name))), "{a}");
            for nothing in ["overflow", "unreachable", "unnamed", "dead"] {
                assert_eq!(a[nothing], 0, "{nothing}: {a}");
            }
            assert_eq!(a["overlaps"], json!([]), "letters lie on each other: {a}");
            assert!(a["contrast"].as_f64().unwrap() >= 4.5, "{a}");
            assert!(a["letters"].as_f64().unwrap() >= 10.95, "{a}");
            assert!(a["skip"].as_f64().unwrap() >= 0.0, "the link that skips is not seen: {a}");
            if name == "synthetic" {
                assert_eq!(a["panels"], 3, "{a}");
            }
        }
        let narrow = |a: &&Value| a["width"] == 400;
        // Tables that are too wide scroll within themselves.
        assert!(answer.as_array().unwrap().iter().filter(narrow).all(|a| a["scrolling"].as_u64().unwrap() > 0), "{answer}");
    }
    let mut lightness = Vec::new();
    for (name, dark) in [("committed", false), ("synthetic", false), ("synthetic", true)] {
        let picture = at.join(format!("{name}-{dark}.png"));
        let shot = format!("--screenshot={}", picture.display());
        let profile = at.join(format!("browser-{dark}"));
        let (_, heard) = look(&browser, &profile, dark, &[shot, "--window-size=1000,1500".into(), url(at.join(name).join("index.html"))]);
        assert!(!heard.contains("CONSOLE"), "the page complains: {heard}");
        let (different, mean) = colours(&picture);
        assert!(different > 100, "{name}: a blank page: {different} colours");
        lightness.push(mean);
    }
    assert!(lightness[0] > 180.0 && lightness[1] > 180.0 && lightness[2] < 90.0, "light and dark: {lightness:?}");
}
