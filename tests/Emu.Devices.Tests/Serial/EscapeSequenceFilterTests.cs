// The Ctrl-A escape: a table of typed characters, what reaches the guest, and which commands come out.
using Emu.Devices.Serial;

namespace Emu.Devices.Tests.Serial;

public class EscapeSequenceFilterTests
{
    [Theory]
    [InlineData("hello\r", "hello\r", "")]
    [InlineData("\u0001x", "", "Quit")]
    [InlineData("\u0001X", "", "Quit")]
    [InlineData("\u0001h", "", "Help")]
    [InlineData("\u0001H", "", "Help")]
    [InlineData("\u0001?", "", "Help")]
    [InlineData("\u0001\u0001", "\u0001", "")]
    [InlineData("\u0001\u0001x", "\u0001x", "")]
    [InlineData("\u0001\u0001\u0001x", "\u0001", "Quit")]
    [InlineData("\u0001c", "", "Unknown")]
    [InlineData("\u0001s", "", "Snapshot")]
    [InlineData("\u0001p", "", "PowerButton")]
    [InlineData("\u0001\u0003", "", "Unknown")]
    [InlineData("a\u0001qb", "ab", "Unknown")]
    [InlineData("xXhH\u0003\u001a\u001c", "xXhH\u0003\u001a\u001c", "")]
    [InlineData("ab\u0001", "ab", "")]
    [InlineData("\u00ff\u0080\0", "\u00ff\u0080\0", "")]
    public void Table(string typed, string forwarded, string commands)
    {
        var filter = new EscapeSequenceFilter();
        var guest = "";
        var actions = new List<EscapeAction>();
        foreach (var c in typed)
        {
            var action = filter.Next((byte)c);
            if (action == EscapeAction.Forward)
            {
                guest += c;
            }
            else if (action != EscapeAction.Swallow)
            {
                actions.Add(action);
            }
        }

        Assert.Equal(forwarded, guest);
        Assert.Equal(commands, string.Join(",", actions));
    }

    [Fact]
    public void PendingEscape_IsVisible()
    {
        var filter = new EscapeSequenceFilter();
        Assert.False(filter.InEscape);
        filter.Next(EscapeSequenceFilter.Escape);
        Assert.True(filter.InEscape);
        filter.Next((byte)'z');
        Assert.False(filter.InEscape);
    }
}
