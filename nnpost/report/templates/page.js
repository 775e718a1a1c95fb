// Headings of tables sort their rows: numbers by their value, other cells as text.
for (const heading of document.querySelectorAll("thead button")) {
  heading.addEventListener("click", () => {
    const cell = heading.closest("th"), table = cell.closest("table");
    const column = cell.cellIndex, up = cell.getAttribute("aria-sort") !== "ascending";
    const key = (row) => row.cells[column].textContent.trim();
    const number = (text) => parseFloat(text.replaceAll(",", "").replace("−", "-"));
    const compare = (a, b) => {
      const [x, y] = [number(key(a)), number(key(b))];
      if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y) || key(a).localeCompare(key(b));
      return x - y;
    };
    const rows = [...table.tBodies[0].rows].sort((a, b) => (up ? 1 : -1) * compare(a, b));
    for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
    cell.setAttribute("aria-sort", up ? "ascending" : "descending");
    table.tBodies[0].append(...rows);
  });
}
