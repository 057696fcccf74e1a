(function () {
  var chart = document.getElementById("chart");
  if (!chart) { return; }
  var columns = JSON.parse(document.getElementById("columns").textContent);
  var cursor = document.getElementById("cursor");
  var readout = document.getElementById("readout");
  var left = Number(chart.dataset.left);
  var right = Number(chart.dataset.right);
  var end = Number(chart.dataset.end);
  chart.addEventListener("pointermove", function (event) {
    var box = chart.getBoundingClientRect();
    var x = (event.clientX - box.left) * chart.viewBox.baseVal.width / box.width;
    var part = (x - left) / (right - left);
    var column = Math.floor(part / end * columns.length);
    var inside = part >= 0 && part <= 1 && column < columns.length;
    cursor.setAttribute("visibility", inside ? "visible" : "hidden");
    readout.hidden = !inside;
    if (!inside) { return; }
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    readout.textContent = columns[column];
  });
  chart.addEventListener("pointerleave", function () {
    cursor.setAttribute("visibility", "hidden");
    readout.hidden = true;
  });
})();
