// What is known of a page whose code was rewritten: the versions of its blocks seen before, and whether translating it again still pays.
namespace Emu.Cpu.Blocks;

/// <summary>
/// A page that was written after it had been translated. First its blocks are kept when they are invalidated, and come back when the bytes at
/// their address are the same again. When blocks go on being rewritten after a few runs each, the page is not cached any more: every entry
/// translates what is there, stores to it are plain stores, nothing is invalidated. After a number of entries it gets another chance.
/// </summary>
internal sealed unsafe class PageHistory
{
    /// <summary>Rewrites in a row, each after a few runs only, that make a page uncached.</summary>
    public const int RewritesTolerated = 32;

    /// <summary>Of them, those it must repeat after it was cached again.</summary>
    public const int RewritesOnProbation = 4;

    /// <summary>Entries of blocks between two rewrites that are worth a translation (it costs about as much as 50 interpreted runs of a block).</summary>
    public const int RunsWorthTranslating = 16;

    /// <summary>Block entries for which a page stays uncached the first time; doubled each further time.</summary>
    public const int FirstUncachedEntries = 1024;

    /// <summary>The largest number it is doubled to.</summary>
    public const int MaximumUncachedEntries = 64 * 1024;

    /// <summary>Instructions without a rewrite after which the page starts anew.</summary>
    public const ulong QuietInstructions = 1_000_000;

    /// <summary>Versions of blocks kept for comparison, at most.</summary>
    private const int MaximumVersions = 32;

    private int rewrites;
    private int entriesLeft;
    private int uncachedEntries = FirstUncachedEntries;
    private int versions;
    private ulong lastRewrite;
    private bool translatedSince;
    private Block* version;

    /// <summary>Every entry translates anew.</summary>
    public bool IsUncached => entriesLeft != 0;

    /// <summary>A block of the page was made or came back.</summary>
    public void Translated() => translatedSince = true;

    /// <summary>Notes a rewrite: the page's blocks had been entered <paramref name="runs"/> times. True when the page becomes uncached.</summary>
    /// <param name="runs">Entries since the rewrite before.</param>
    /// <param name="now">Instructions retired, by any vCPU: coarse time.</param>
    public bool Rewritten(long runs, ulong now)
    {
        if (!translatedSince)
        {
            // One rewrite is many stores.
            return false;
        }

        translatedSince = false;
        var quiet = now - lastRewrite is > QuietInstructions and < ulong.MaxValue - QuietInstructions;
        lastRewrite = now;
        if (quiet)
        {
            uncachedEntries = FirstUncachedEntries;
        }

        if (quiet || runs >= RunsWorthTranslating)
        {
            rewrites = 0;
        }

        if (++rewrites < RewritesTolerated)
        {
            return false;
        }

        entriesLeft = uncachedEntries;
        uncachedEntries = Math.Min(uncachedEntries * 2, MaximumUncachedEntries);
        rewrites = RewritesTolerated - RewritesOnProbation;
        version = null;
        versions = 0;
        return true;
    }

    /// <summary>Counts an entry of an uncached page. The last one lets it be cached again.</summary>
    public void CountEntry() => entriesLeft--;

    /// <summary>Keeps an invalidated block whose <see cref="Block.Source"/> is known.</summary>
    public void Keep(Block* block)
    {
        if (versions == MaximumVersions)
        {
            version = null;
            versions = 0;
        }

        block->PageNext = version;
        version = block;
        versions++;
    }

    /// <summary>Takes out the version of a block that was made from the bytes that are there now, or gives null.</summary>
    /// <param name="physical">Address of the block.</param>
    /// <param name="key">Its mode bits.</param>
    /// <param name="code">The bytes there now.</param>
    /// <param name="available">How many up to the end of the page.</param>
    public Block* Take(ulong physical, ulong key, byte* code, int available)
    {
        Block* before = null;
        for (var b = version; b != null; before = b, b = b->PageNext)
        {
            if (b->Physical == physical && b->SourceKey == key && b->Length <= available
                && new ReadOnlySpan<byte>(b->Source, b->Length).SequenceEqual(new ReadOnlySpan<byte>(code, b->Length)))
            {
                if (before == null)
                {
                    version = b->PageNext;
                }
                else
                {
                    before->PageNext = b->PageNext;
                }

                versions--;
                return b;
            }
        }

        return null;
    }
}
