const out = document.getElementById("out");
new EventSource("api/v1/stream").onmessage = (e) => { out.textContent = e.data; };
