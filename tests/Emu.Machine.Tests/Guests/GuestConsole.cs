// The host end of a serial port for tests with real guests: keeps what the guest prints, waits for words in it, types.
using System.Text;
using Emu.Devices.Serial;

namespace Emu.Machine.Tests.Guests;

/// <summary>A console to talk to.</summary>
internal sealed class GuestConsole : ICharBackend
{
    private readonly object gate = new();
    private readonly StringBuilder text = new();
    private readonly List<byte> typed = [];
    private ICharSink? sink;
    private int seen;

    /// <summary>Everything printed so far.</summary>
    public string Text
    {
        get
        {
            lock (gate)
            {
                return text.ToString();
            }
        }
    }

    /// <summary>Waits until the guest prints something, behind what was waited for before.</summary>
    public void WaitFor(string word, TimeSpan limit)
    {
        var end = DateTime.UtcNow + limit;
        lock (gate)
        {
            int at;
            while ((at = text.ToString(seen, text.Length - seen).IndexOf(word, StringComparison.Ordinal)) < 0)
            {
                var left = end - DateTime.UtcNow;
                Assert.True(left > TimeSpan.Zero && Monitor.Wait(gate, left), $"\"{word}\" did not come; the guest printed: {text}");
            }

            seen += at + word.Length;
        }
    }

    /// <summary>The same console for another machine, as if nothing had been printed yet.</summary>
    public GuestConsole Again()
    {
        lock (gate)
        {
            text.Clear();
            typed.Clear();
            seen = 0;
            sink = null;
        }

        return this;
    }

    /// <summary>Types.</summary>
    public void Type(string keys)
    {
        lock (gate)
        {
            typed.AddRange(Encoding.ASCII.GetBytes(keys));
        }

        Resume();
    }

    public void Write(ReadOnlySpan<byte> data)
    {
        lock (gate)
        {
            text.Append(Encoding.Latin1.GetString(data));
            Monitor.PulseAll(gate);
        }
    }

    public void Start(ICharSink sink)
    {
        lock (gate)
        {
            this.sink = sink;
        }

        Resume();
    }

    public void Resume()
    {
        lock (gate)
        {
            if (sink is not null && typed.Count > 0)
            {
                typed.RemoveRange(0, sink.Receive(typed.ToArray()));
            }
        }
    }

    public void Flush() { }

    public void CancelWaits() { }

    public void Dispose() { }
}
