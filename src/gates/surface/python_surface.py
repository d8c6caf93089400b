# Reads what the modules of a Python package hand to others off their text, and what pyproject.toml says. Runs in a sandbox, as
# `python3 -I -S`: nothing of the repository is imported or run. JSON in, JSON out (python.ts).
#
# A name is public by __all__ where a module has one, else by not beginning with "_"; an import counts in a package's __init__ when it
# is from the package itself, and elsewhere when it is written "as" the same name. What a program does to its names while it runs
# makes the module unreadable rather than half read.
import ast
import json
import sys


class Unreadable(Exception):
    pass


class Module:
    def __init__(self, name, is_package, tree):
        self.name = name
        self.is_package = is_package
        self.bound = set()
        self.imports = {}
        self.public = set()
        self.stars = []
        self.listed = None
        self.lazy = False
        self.read(tree.body)

    def read(self, body):
        for node in body:
            self.statement(node)

    def statement(self, node):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if node.name == "__getattr__":
                self.lazy = True
            self.bind(node.name)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self.target(target, node.value)
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self.target(node.target, node.value)
        elif isinstance(node, ast.AugAssign):
            if isinstance(node.target, ast.Name) and node.target.id == "__all__":
                self.extend(node.value)
        elif type(node).__name__ == "TypeAlias":
            self.bind(node.name.id)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.split(".")[0]
                self.bound.add(name)
                if alias.asname == alias.name:
                    self.public.add(name)
        elif isinstance(node, ast.ImportFrom):
            self.import_from(node)
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self.bound.discard(target.id)
                    self.public.discard(target.id)
        elif isinstance(node, ast.Expr):
            self.call(node.value)
        else:
            for field in ("body", "orelse", "finalbody"):
                self.read(getattr(node, field, []))
            for handler in getattr(node, "handlers", []):
                self.read(handler.body)
            for case in getattr(node, "cases", []):
                self.read(case.body)

    def bind(self, name):
        self.bound.add(name)
        self.imports.pop(name, None)
        if not name.startswith("_"):
            self.public.add(name)

    def target(self, target, value):
        if isinstance(target, ast.Name):
            if target.id == "__all__":
                self.listed = []
                self.extend(value)
            else:
                self.bind(target.id)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for one in target.elts:
                self.target(one, None)
        elif isinstance(target, ast.Starred):
            self.target(target.value, None)
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Call):
            self.call(target.value)

    def extend(self, value):
        if self.listed is None:
            self.listed = []
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
            self.extend(value.left)
            self.extend(value.right)
            return
        if not isinstance(value, (ast.List, ast.Tuple, ast.Set)):
            raise Unreadable("its __all__ is put together while it runs")
        for one in value.elts:
            if not isinstance(one, ast.Constant) or not isinstance(one.value, str):
                raise Unreadable("its __all__ is put together while it runs")
            self.listed.append(one.value)

    def call(self, node):
        if not isinstance(node, ast.Call):
            return
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name in ("globals", "vars", "locals", "exec", "setattr"):
            raise Unreadable("it makes names by %s()" % name)
        if not isinstance(node.func, ast.Attribute):
            return
        on = node.func.value
        if isinstance(on, ast.Call):
            self.call(on)
        if isinstance(on, ast.Name) and on.id == "__all__":
            if node.func.attr == "append" and len(node.args) == 1:
                self.extend(ast.List(elts=[node.args[0]]))
            elif node.func.attr == "extend" and len(node.args) == 1:
                self.extend(node.args[0])
            else:
                raise Unreadable("its __all__ is put together while it runs")

    def import_from(self, node):
        source = node.module or ""
        if node.level > 0:
            parts = self.name.split(".")
            keep = len(parts) - node.level + (1 if self.is_package else 0)
            source = ".".join(parts[: max(keep, 0)] + ([source] if source else []))
        own = source.split(".")[0] == self.name.split(".")[0]
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(source)
                continue
            name = alias.asname or alias.name
            self.bound.add(name)
            if own:
                self.imports[name] = (source, alias.name)
            if alias.asname == alias.name or (own and self.is_package and not name.startswith("_")):
                self.public.add(name)


def binds(module, name, modules, seen):
    """Whether the module has that name, as far as can be told; in doubt it has."""
    if "%s.%s" % (module.name, name) in modules or module.lazy:
        return True
    if (module.name, name) in seen:
        return False
    seen = seen | {(module.name, name)}
    if name in module.bound:
        if name not in module.imports:
            return True
        source, original = module.imports[name]
        target = modules.get(source)
        if "%s.%s" % (source, original) in modules or not isinstance(target, Module):
            return True
        return binds(target, original, modules, seen)
    for source in module.stars:
        target = modules.get(source)
        if not isinstance(target, Module) or binds(target, name, modules, seen):
            return True
    return False


def names_of(module, modules, seen):
    """name -> "" for one that is there, "missing" for one that is only listed."""
    seen = seen | {module.name}
    public = set(module.public)
    for source in module.stars:
        target = modules.get(source)
        if isinstance(target, Module):
            if source not in seen:
                public |= set(names_of(target, modules, seen))
        elif target is None and source.split(".")[0] != module.name.split(".")[0]:
            public.add("* of %s" % source)
        else:
            raise Unreadable("it takes everything of %s, which is not read" % source)
    if module.listed is None:
        if module.lazy:
            raise Unreadable("it makes names by __getattr__")
        return {name: "" for name in public if name.startswith("* of ") or binds(module, name, modules, frozenset())}
    return {name: "" if binds(module, name, modules, frozenset()) else "missing" for name in module.listed}


def project(text):
    try:
        import tomllib
    except ImportError:
        raise Unreadable("this Python cannot read TOML")
    try:
        data = tomllib.loads(text)
    except ValueError:
        raise Unreadable("it is not TOML")
    own = data.get("project")
    poetry = data.get("tool", {}).get("poetry")
    own = own if isinstance(own, dict) else poetry if isinstance(poetry, dict) else None
    if own is None:
        raise Unreadable("it has neither [project] nor [tool.poetry]")
    said = {}
    if isinstance(own.get("name"), str):
        said["name"] = own["name"]
    groups = [("the command", own.get("scripts")), ("the program", own.get("gui-scripts"))]
    points = own.get("entry-points", own.get("plugins"))
    for group, inner in (points if isinstance(points, dict) else {}).items():
        groups.append(("the entry point %s of" % group, inner))
    for kind, inner in groups:
        for name, value in (inner if isinstance(inner, dict) else {}).items():
            said["%s %s" % (kind, name)] = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    if "scripts" in own.get("dynamic", []) or "entry-points" in own.get("dynamic", []):
        raise Unreadable("its commands are made while it is built")
    return said


def main():
    given = json.load(sys.stdin)
    modules = {}
    for one in given["modules"]:
        try:
            modules[one["name"]] = Module(one["name"], one["package"], ast.parse(one["text"]))
        except Unreadable as error:
            modules[one["name"]] = str(error)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            modules[one["name"]] = "it cannot be parsed: %s" % type(error).__name__
    told = []
    for name, module in modules.items():
        try:
            if not isinstance(module, Module):
                raise Unreadable(module)
            told.append({"name": name, "names": names_of(module, modules, frozenset())})
        except (Unreadable, RecursionError) as error:
            told.append({"name": name, "why": str(error)})
    settings = {}
    if given["project"] is not None:
        try:
            settings = {"settings": project(given["project"])}
        except (Unreadable, RecursionError) as error:
            settings = {"why": str(error)}
    json.dump({"modules": told, "project": settings}, sys.stdout)


main()
