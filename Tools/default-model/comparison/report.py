"""What is printed: Markdown as it comes, and the same numbers as JSON at the end."""
import json
import sys
import textwrap

WIDTH = 130


class Report:
    def __init__(self):
        self.skipped, self.tables = [], {}

    def heading(self, text):
        self.line(f"\n## {text}\n")

    def note(self, text):
        self.line(textwrap.fill(" ".join(text.split()), WIDTH, break_on_hyphens=False) + "\n")

    def skip(self, what, why):
        self.skipped.append({"what": what, "why": why})
        self.line(f"skipped: {what} ({why})\n")

    def table(self, key, records, columns):
        """`columns`: title -> text of a record. The records go to the JSON under `key`."""
        self.tables[key] = records
        self.row(columns)
        self.row(["---"] * len(columns))
        for record in records:
            self.row(text(record) for text in columns.values())
        self.line("")

    def wide_table(self, key, records, text, row="method", column="file"):
        """A row for each `row`, a column for each `column` of the records, in the order in which they come."""
        self.tables[key] = records
        columns = list(dict.fromkeys(record[column] for record in records))
        self.row([row, *columns])
        self.row(["---"] * (len(columns) + 1))
        for name in dict.fromkeys(record[row] for record in records):
            cells = {record[column]: text(record) for record in records if record[row] == name}
            self.row([name, *(cells.get(title, "") for title in columns)])
        self.line("")

    def row(self, cells):
        self.line("| " + " | ".join(cells) + " |")

    def line(self, text):
        print(text, flush=True)

    def progress(self, text):
        print(text, file=sys.stderr, flush=True)

    def write(self, path, settings):
        content = {"settings": settings, "skipped": self.skipped, "tables": self.tables}
        with open(path, "w") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
