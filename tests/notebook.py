"""Runs the notebook over the lake that SESSION_RISK_LAKE names, and writes its tables to stdout as JSON.

Any cell that fails or warns ends it. Its argument is a folder that it may write into.
"""

import json
import os
import pathlib
import sys

scratch = pathlib.Path(sys.argv[1])
# Nothing of this machine's settings, and nothing left in its home.
for name in ["IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"]:
    folder = scratch / name.lower()
    folder.mkdir(parents=True)
    os.environ[name] = str(folder)

import nbclient
import nbformat

PATH = pathlib.Path(__file__).parent.parent / "examples" / "notebook.ipynb"
TABLES = ["networks", "countries", "days", "devices"]

notebook = nbformat.read(PATH, as_version=4)
nbformat.validate(notebook)
cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
for cell in cells:
    if cell.outputs or cell.execution_count is not None:
        sys.exit(f"the notebook is kept without what it printed, and cell {cell.id} has an output")
tables = ", ".join(f'"{name}": {name}.to_dicts()' for name in TABLES)
notebook.cells.append(nbformat.v4.new_code_cell(f"import json\nprint(json.dumps({{{tables}}}, default=str))"))

resources = {"metadata": {"path": str(PATH.parent)}}
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()

pictures = 0
for cell in cells:
    for output in cell.outputs:
        if output.get("name") == "stderr":
            sys.exit(f"cell {cell.id} warns: {output.text}")
        pictures += "image/png" in output.get("data", {})
json.dump({"pictures": pictures, **json.loads(notebook.cells[-1].outputs[0].text)}, sys.stdout)
