// @ts-check
// What came of it: the legend, the table and the sentences.
class Results {
  /** @param {Stage} stage @param {HTMLElement} legend */
  constructor(stage, legend) {
    this.stage = stage;
    this.legend = legend;
  }

  // The legend and the table are built for a set of rules; after that only their texts change.
  build() {
    const { stage } = this;
    this.rows = stage.data.runs.map((run) => {
      const chip = make("button", { title: `Show or hide ${run.title}` });
      chip.onclick = () => {
        if (!stage.hidden.delete(run.key)) stage.hidden.add(run.key);
        stage.data.hidden = [...stage.hidden];
        stage.redraw();
        this.show();
        stage.ask({ hidden: stage.data.hidden }, true);
      };
      const note = make("small");
      chip.append(dot(run.colour), run.title, note);
      const cells = run.cells.map(() => make("td"));
      const line = make("tr");
      const name = make("span");
      cells[0].append(dot(run.colour), name);
      line.append(...cells);
      return { chip, note, line, texts: [name, ...cells.slice(1)] };
    });
    this.titles = stage.data.columns.map(() => make("th", { scope: "col" }));
    this.legend.replaceChildren(...this.rows.map((row) => row.chip));
    const head = make("tr");
    head.append(...this.titles);
    stage.root.querySelector(".scroll table").replaceChildren(head, ...this.rows.map((row) => row.line));
  }

  show() {
    const { stage } = this;
    const { verdict, problems, columns, runs } = stage.data;
    const { problem } = stage;
    problem.hidden = !problems.length;
    write(problem, problems.join(" "));
    write(stage.root.querySelector(".verdict"), verdict);
    columns.forEach(([text, title], i) => {
      write(this.titles[i], text);
      this.titles[i].title = title;
    });
    runs.forEach((run, r) => {
      const { chip, note, texts, line } = this.rows[r];
      line.classList.toggle("off", stage.hidden.has(run.key));
      chip.setAttribute("aria-pressed", String(!stage.hidden.has(run.key)));
      write(note, run.stopped !== null ? `✕ step ${run.stopped}` : run.left !== null ? `▼ step ${run.left}` : "");
      run.cells.forEach((text, i) => write(texts[i], text));
    });
    const order = this.rows.map((row) => row.line);
    runs.forEach((run, r) => (order[run.place] = this.rows[r].line));
    const [, ...lines] = stage.root.querySelectorAll(".scroll tr");
    if (order.some((line, i) => line !== lines[i])) lines[0].parentNode.append(...order);
  }
}
