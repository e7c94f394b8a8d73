// What a checker of pages would look at, as functions of the page; the page itself does not load this.
({
  // Texts whose colour stands out from what is behind it by less than WCAG's 4.5 : 1.
  pale() {
    const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
    const known = new Map();
    const rgba = (color) => known.get(color) ?? known.set(color, painted(color)).get(color);
    const painted = (color) => {
      pen.clearRect(0, 0, 1, 1);
      pen.fillStyle = color;
      pen.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
      return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
    const behind = (element) => {
      const layers = [];
      for (let e = element; e; e = e.parentElement) {
        const layer = rgba(getComputedStyle(e).backgroundColor);
        layers.unshift(layer);
        if (layer[3] === 1) break;
      }
      return layers.reduce((below, layer) => over(layer, below), rgba(getComputedStyle(document.body).backgroundColor));
    };
    const light = ([r, g, b]) => {
      const part = (v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
      return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    };
    const ratio = (front, back) => {
      const [a, b] = [light(over(front, back)), light(back)].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    };
    const root = getComputedStyle(document.documentElement);
    const drawn = ["--muted", "--text"].map((name) => [`axis ${name}`, ratio(rgba(root.getPropertyValue(name)), rgba(root.getPropertyValue("--panel")))]);
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const read = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const e = node.parentElement;
      if (!node.data.trim() || !e.checkVisibility({ visibilityProperty: true }) || ["SCRIPT", "NOSCRIPT"].includes(e.tagName)) continue;
      read.push([`${e.tagName} ${e.className} "${node.data.trim().slice(0, 30)}"`, ratio(rgba(getComputedStyle(e).color), behind(e))]);
    }
    for (const input of document.querySelectorAll("input[placeholder]")) read.push([`placeholder of ${input.id}`, ratio(rgba(getComputedStyle(input, "::placeholder").color), behind(input))]);
    if (read.length < 20 && !document.body.classList.contains("signin")) throw new Error("hardly a text was looked at");
    return [...drawn, ...read].filter(([, r]) => r < 4.5).map(([what, r]) => `${what}: ${r.toFixed(2)}`);
  },

  // Controls, pictures and gauges without a name.
  nameless() {
    const all = [...document.querySelectorAll("a, button, input, select, textarea, [tabindex='0'], [role=img], [role=meter], section, table")];
    const name = (e) => e.getAttribute("aria-label") || [...(e.labels ?? [])].map((l) => l.textContent.trim()).join(" ") || (["A", "BUTTON"].includes(e.tagName) && e.textContent.trim()) || (e.tagName === "SECTION" && e.querySelector("h2")?.textContent);
    return all.filter((e) => e.checkVisibility() && !name(e) && !e.closest(".chart")).map((e) => e.outerHTML.slice(0, 80));
  },

  // What is wrong with the page's frame: language, title, viewport, headings, lists of ids.
  frame() {
    const wrong = [];
    if (!document.documentElement.lang) wrong.push("no language");
    if (!document.title) wrong.push("no title");
    const viewport = document.querySelector("meta[name=viewport]")?.content ?? "";
    if (!viewport.includes("width=device-width") || /user-scalable=no|maximum-scale/.test(viewport)) wrong.push(`viewport: ${viewport}`);
    const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map((h) => Number(h.tagName[1]));
    if (levels[0] !== 1 || levels.filter((l) => l === 1).length !== 1) wrong.push("not one h1, first");
    if (levels.some((l, i) => i && l > levels[i - 1] + 1)) wrong.push(`headings leave out a level: ${levels}`);
    if (document.querySelectorAll("main").length !== 1) wrong.push("not one main");
    const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
    if (new Set(ids).size !== ids.length) wrong.push("an id twice");
    if ([...document.images].some((i) => i.alt == null || !i.hasAttribute("alt"))) wrong.push("a picture without alt");
    return wrong;
  },

  // Ids (or names) of what the keyboard must reach; a group of radio buttons is one stop.
  stops() {
    const all = [...document.querySelectorAll("a[href], button, input, select, [tabindex='0']")].filter((e) => e.checkVisibility());
    return [...new Set(all.map((e) => e.name || e.id || e.getAttribute("aria-label") || e.textContent))];
  },

  // Controls that a finger misses: less than 24 px either way.
  small() {
    return [...document.querySelectorAll("button, select, input:not([type=radio]), .ranges span")].filter((e) => e.checkVisibility())
      .filter((e) => e.getBoundingClientRect().height < 24 || e.getBoundingClientRect().width < 24).map((e) => e.id || e.textContent);
  },
})
